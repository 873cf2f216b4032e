package streaming

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/codec"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/rows"
)

// TestCommands: programs as people use them, and such as read late, little or nothing.
func TestCommands(t *testing.T) {
	long := strings.Repeat("x", 8<<20)
	many := strings.Repeat("line of some length that fills pipes\n", 100_000)
	for _, c := range []struct {
		name     string
		cfg      Config
		in, want string
	}{
		{"cat", Config{Map: "cat"}, "b\na\n", "a\nb\n"},
		{"no command", Config{}, "b\na\tx\n", "a\tx\nb\n"},
		{"no input", Config{Map: "cat", Reduce: "cat"}, "", ""},
		{"no end of the last line", Config{Map: "cat"}, "b\na", "a\nb\n"},
		{"no end of the last line that is written", Config{Map: "printf x", Reduce: "cat; printf y"}, "b\n", "x\ny\n"},
		{"carriage returns", Config{Map: "cat", Reduce: "cat"}, "b\r\na\r\n", "a\r\nb\r\n"},
		{"carriage returns, no command", Config{}, "b\r\na\r\n", "a\r\nb\r\n"},
		{"no UTF-8", Config{Map: "cat", Reduce: "cat"}, "\xff\xfe\tz\n\x00a\n\xc3\n", "\x00a\n\xc3\n\xff\xfe\tz\n"},
		{"empty lines and values", Config{Map: "cat", Reduce: "cat"}, "\n\t\na\t\na\n", "\n\t\na\t\na\n"},
		{"a very long line", Config{Map: "cat", Reduce: "cat"}, long + "\nb\n", "b\n" + long + "\n"},
		{"sort reads all first", Config{Map: "sort -r", Reduce: "sort -r"}, "a\nc\nb\n", "c\nb\na\n"},
		{"awk", Config{Map: `awk '{ for (i = 1; i <= NF; i++) print $i "\t" 1 }'`, Reduce: `awk -F'\t' '{ n[$1] += $2 } END { for (k in n) print k, n[k] | "sort" }'`},
			"to be or\nnot to be\n", "be 2\nnot 1\nor 1\nto 2\n"},
		{"python", Config{Map: `python3 -c 'import sys
for line in sys.stdin: print(line.strip().upper(), len(line), sep="\t")'`}, "abc\n", "ABC\t4\n"},
		{"grep | sort | uniq -c", Config{Map: "grep ERROR", Reduce: "uniq -c"}, "ERROR b\nfine\nERROR a\nERROR b\n", "      1 ERROR a\n      2 ERROR b\n"},
		{"grep finds nothing", Config{Map: "grep nothing", OKExit: []int{0, 1}}, "a\n", ""},
		{"grep finds nothing, in the shell", Config{Map: "grep nothing || [ $? = 1 ]"}, "a\n", ""},
		{"head closes early", Config{Map: "head -n 1"}, many, "line of some length that fills pipes\n"},
		{"grep -m closes early", Config{Map: "cat", Reduce: "grep -m 1 line"}, many, "line of some length that fills pipes\n"},
		{"it reads nothing", Config{Map: "echo x"}, many, "x\n"},
		{"it closes its input and goes on", Config{Map: "exec <&-; echo x; sleep 0.1; echo y"}, many, "x\ny\n"},
		{"it closes its output and reads on", Config{Map: "echo x; exec >&-; cat >&2 | head -c 0"}, "a\n", "x\n"},
		{"it leaves a process behind", Config{Map: "sleep 1000 & cat"}, "a\n", "a\n"},
		{"counts whole lines", Config{Map: "grep -v x", Fold: Count}, "a\tb\na\tb\na\n", "a|1a\tb|2"},
		{"sums", Config{Fold: Sum}, "a\t2\nb\t-1\na\t40\n", "a|42b|-1"},
		{"least", Config{Fold: Min}, "a\t2\na\t-3\n", "a|-3"},
		{"greatest", Config{Fold: Max}, "a\t2\na\t-3\n", "a|2"},
		{"combine", Config{Map: "cat", Combine: "uniq", Reduce: "cat"}, "b\na\nb\nb\n", "a\nb\n"},
		{"map only", Config{Map: "cat", MapOnly: true}, "b\tx\n\na", "b\tx\n\na\n"},
		{"map only, any bytes", Config{Map: "cat", MapOnly: true}, "z\r\n\xff\tz\n\x00a\n\t\n", "z\r\n\xff\tz\n\x00a\n\t\n"},
		{"map only, more rows than records", Config{Map: "sed p", MapOnly: true}, "b\na\n", "b\nb\na\na\n"},
		{"map only, grep finds nothing", Config{Map: "grep nothing", MapOnly: true, OKExit: []int{1}}, "a\n", ""},
		{"map only, no end of the last line that is written", Config{Map: "printf x", MapOnly: true}, "a\n", "x\n"},
		{"map only, a very long line", Config{Map: "cat", MapOnly: true}, long + "\nb\n", long + "\nb\n"},
		{"map only, in columns", Config{Map: "cat", MapOnly: true, Columns: true}, "b\tx\na\n", "b\txa"},
		{"pairs in columns", Config{Map: "cat", Columns: true}, "a\tb\tc\nd\n", "a|b\tcd|"},
		{"rows in columns", Config{Map: "cat", Reduce: "cat", Columns: true}, "a\tb\n", "a\tb"},
	} {
		for _, rows := range []int{1, 1000} {
			if len(c.in) > 1<<20 {
				rows = 1000
			}
			t.Run(fmt.Sprintf("%s/%d", c.name, rows), func(t *testing.T) {
				got, err := run(t.Context(), t, c.cfg, batches(c.in, rows), 0)
				if err != nil {
					t.Fatal(err)
				}
				if got.text != c.want {
					t.Errorf("%.300q\nwant\n%.300q", got.text, c.want)
				}
				if n := uint64(len(strings.SplitAfter(strings.TrimSuffix(c.in, "\n"), "\n"))); c.in != "" && got.mapped.GetRecordsIn() != n {
					t.Errorf("counted %d records, want %d", got.mapped.GetRecordsIn(), n)
				}
				if n := strings.Count(got.text, "\n"); c.cfg.Fold == "" && !c.cfg.Columns && got.reduced.GetRowsOut() != uint64(n) {
					t.Errorf("counted %d rows, want %d", got.reduced.GetRowsOut(), n)
				}
			})
		}
	}
}

// TestFailures: what a command that fails has the attempt say.
func TestFailures(t *testing.T) {
	for _, c := range []struct {
		name string
		cfg  Config
		says []string
	}{
		{"exit code", Config{Map: "echo words >&2; exit 7"}, []string{`map command "echo words >&2; exit 7": exit code 7`, "words"}},
		{"grep finds nothing", Config{Map: "grep nothing"}, []string{"exit code 1", "--ok-exit 1"}},
		{"map only", Config{Map: "cat; exit 2", MapOnly: true}, []string{"map command", "exit code 2"}},
		{"map only, half a frame", Config{Map: `printf '\000\000\000\005ab'`, MapOnly: true, Framing: Binary}, []string{"ends within a frame"}},
		{"another code is allowed", Config{Map: "cat", Reduce: "exit 3", OKExit: []int{1}}, []string{"reduce command", "exit code 3"}},
		{"not found", Config{Map: "/no/such/program x"}, []string{"exit code 127", "does not find", "/no/such/program"}},
		{"not to be executed", Config{Map: "/etc/passwd"}, []string{"exit code 126"}},
		{"a signal", Config{Map: "kill -9 $$"}, []string{"signal 9"}},
		{"a part of it by a signal", Config{Map: "sh -c 'kill -15 $$'; exit $?"}, []string{"exit code 143", "signal 15"}},
		{"output before it fails", Config{Map: "cat; exit 2"}, []string{"exit code 2"}},
		{"a combiner", Config{Map: "cat", Combine: "exit 4"}, []string{"combine command", "exit code 4"}},
		{"no number", Config{Map: "cat", Fold: Sum}, []string{"in what the map command", "no whole number", `"a"`}},
		{"half a frame", Config{Map: `printf '\000\000\000\005ab'`, Framing: Binary}, []string{"ends within a frame"}},
		{"words for ever, and only the last are told", Config{Map: "seq 1 100000 >&2; exit 1"}, []string{"\n100000"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := run(t.Context(), t, c.cfg, batches(strings.Repeat("a\n", 1000), 100), 0)
			text := failed(t, err)
			for _, want := range c.says {
				if !strings.Contains(text, want) || len(text) > 4<<10 {
					t.Errorf("%q is not in %q", want, text)
				}
			}
		})
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []Config{
		{Fold: "mean"}, {Fold: Sum, Reduce: "cat"}, {MapOnly: true}, {MapOnly: true, Map: "cat", Reduce: "cat"},
		{MapOnly: true, Map: "cat", Combine: "cat"}, {MapOnly: true, Map: "cat", Fold: Count}, {Fold: Count, Combine: "cat"}, {Framing: "xml"}, {Framing: Binary},
		{Map: "a\x00b"}, {Map: strings.Repeat("x", maxCommand+1)},
	} {
		if _, err := c.Program(); !errs.Is(err, errs.Invalid) {
			t.Errorf("%.60v: %v", c, err)
		}
	}
	for _, s := range []string{"", "x", "1,,2", "256", "-1"} {
		if _, err := ParseCodes(s); !errs.Is(err, errs.Invalid) {
			t.Errorf("codes %q: %v", s, err)
		}
	}
}

// TestReports: lines for us count, all others are in the log, marked with the attempt.
func TestReports(t *testing.T) {
	r, err := run(t.Context(), t, Config{
		Map: `cat; { echo reporter:counter:g,n,40; echo reporter:counter:g,n,2; echo reporter:counter:plain,-1
			echo reporter:counter:no number; echo reporter:status:half way; printf 'no end'; } >&2`,
		Combine: "cat; echo reporter:counter:combined,1 >&2",
		Reduce:  "cat; echo reporter:counter:reduced,7 >&2",
	}, batches("a\n", 1), 0)
	if err != nil {
		t.Fatal(err)
	}
	if u := r.mapped.GetUser(); u["g.n"] != 42 || u["plain"] != -1 || u["combined"] != 1 || len(u) != 3 {
		t.Errorf("the map counted %v", u)
	}
	if u := r.reduced.GetUser(); u["reduced"] != 7 || len(u) != 1 {
		t.Errorf("the reduce counted %v", u)
	}
	if want := "map/3.0: reporter:counter:no number\nmap/3.0: reporter:status:half way\nmap/3.0: no end\n"; r.log != want {
		t.Errorf("the log has %q\nwant %q", r.log, want)
	}
}

// TestCatIsSort: a map and a reduce that change nothing give the lines in order of their keys, equal ones as they came,
// whatever the bytes and the batches, with and without commands and a combiner.
func TestCatIsSort(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		line := rapid.Map(rapid.SliceOfN(rapid.SampledFrom([]byte("ab\t\r\x00\xff\\ ")), 0, 6), func(b []byte) string { return string(b) + "\n" })
		in := rapid.SliceOfN(line, 0, 40).Draw(rt, "lines")
		cfg := Config{
			Map:    rapid.SampledFrom([]string{"cat", ""}).Draw(rt, "map"),
			Reduce: rapid.SampledFrom([]string{"cat", ""}).Draw(rt, "reduce"),
		}
		cfg.SortValues, cfg.KeyFields = rapid.Bool().Draw(rt, "sort values"), rapid.IntRange(0, 3).Draw(rt, "key fields")
		combine := rapid.SampledFrom([]string{"", "cat"}).Draw(rt, "combine")
		cfg.Combine = combine
		got, err := run(t.Context(), t, cfg, batches(strings.Join(in, ""), rapid.IntRange(1, 10).Draw(rt, "rows")), 0)
		if err != nil {
			rt.Fatal(err)
		}
		want := slices.Clone(in)
		key := func(s string) string {
			s = strings.TrimSuffix(s, "\n")
			fields := strings.Split(s, "\t")
			if cfg.SortValues {
				return s
			}
			return strings.Join(fields[:min(len(fields), max(cfg.KeyFields, 1))], "\t")
		}
		slices.SortStableFunc(want, func(a, b string) int { return strings.Compare(key(a), key(b)) })
		if got.text != strings.Join(want, "") {
			rt.Fatalf("%q\nwant\n%q", got.text, want)
		}
	})
}

// TestKeysOfLines: the key is the first fields, and where a line goes hangs on that alone, sorted values or not.
func TestKeysOfLines(t *testing.T) {
	for _, x := range []struct {
		fields         int
		line, key, val string
	}{
		{0, "a\tb\tc", "a", "\tb\tc"}, {1, "a\tb\tc", "a", "\tb\tc"}, {2, "a\tb\tc", "a\tb", "\tc"}, {3, "a\tb\tc", "a\tb\tc", ""},
		{2, "a", "a", ""}, {1, "", "", ""}, {2, "\t\t", "\t", "\t"},
	} {
		plain, sorted := Config{KeyFields: x.fields}, Config{KeyFields: x.fields, SortValues: true}
		key, val := plain.framing().split([]byte(x.line))
		if string(key) != x.key || string(val) != x.val {
			t.Errorf("%d fields of %q: %q, %q", x.fields, x.line, key, val)
		}
		whole, none := sorted.framing().split([]byte(x.line))
		own, rest := sorted.cutKey(whole, none)
		if string(whole) != x.line || len(none) > 0 || string(own) != x.key || string(rest) != x.val {
			t.Errorf("%d fields of %q, sorted: %q of %q, %q", x.fields, x.line, own, whole, rest)
		}
		if got, want := sorted.partition(whole, 7), codec.Partition([]byte(x.key), 7); got != want {
			t.Errorf("%q goes to partition %d, not %d", x.line, got, want)
		}
	}
}

// TestCombinesInPieces: with little memory a combiner runs several times, and nothing is lost between.
func TestCombinesInPieces(t *testing.T) {
	var in, want strings.Builder
	for i := range 200_000 {
		fmt.Fprintf(&in, "%03d key of some length\n", i%500)
	}
	for i := range 500 {
		fmt.Fprintf(&want, "%03d key of some length\n", i)
	}
	r, err := run(t.Context(), t, Config{Map: "cat", Combine: "uniq; echo reporter:counter:calls,1 >&2", Reduce: "uniq"}, batches(in.String(), 5000), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	calls := r.mapped.GetUser()["calls"]
	if r.text != want.String() || calls < 3 || r.pairs != int(calls)*500 {
		t.Errorf("%d pairs of %d calls, %d bytes of result, want %d", r.pairs, calls, len(r.text), want.Len())
	}
}

// TestMuchThroughSmallPipes: 100 MB go through commands that read and write in their own time, in bounded memory.
func TestMuchThroughSmallPipes(t *testing.T) {
	const perBatch = 1 << 12
	line := strings.Repeat("0123456789abcdef", 16)[1:] // 256 bytes with its end
	chunk := []byte(strings.Repeat(line+"\n", perBatch))
	off := make([]int32, perBatch+1)
	for i := range off {
		off[i] = int32(256 * i)
	}
	left := 100
	next := func() (*boundary.Input, error) {
		if left == 0 {
			return nil, io.EOF
		}
		left--
		return &boundary.Input{Records: rows.Records{Data: bytes.Clone(chunk), Off: off, Terminated: true}}, nil
	}
	r, err := run(t.Context(), t, Config{Map: "cat | cat", Fold: Count}, next, 0)
	if want := fmt.Sprintf("%s|%d", line, 100*perBatch); err != nil || r.text != want || r.mapped.GetRecordsIn() != 100*perBatch {
		t.Errorf("%q, want %q (%d records, %v)", r.text, want, r.mapped.GetRecordsIn(), err)
	}
}

// TestBinary: any bytes pass in frames, and what a reduce command frames is the result, byte after byte.
func TestBinary(t *testing.T) {
	const python = `python3 -c '
import sys, struct
r, w = sys.stdin.buffer, sys.stdout.buffer
def frame():
    n = r.read(4)
    return r.read(struct.unpack(">I", n)[0]) if n else None
def put(b): w.write(struct.pack(">I", len(b)) + b)
while (b := frame()) is not None:
    %s
'`
	cfg := Config{Framing: Binary, Map: fmt.Sprintf(python, "put(b[:1]); put(b[1:])"), Reduce: fmt.Sprintf(python, "put(b + frame())")}
	records := []string{"b\n\x00\t", "a", "", "c" + strings.Repeat("\n", 1<<20)}
	sent := false
	next := func() (*boundary.Input, error) {
		if sent {
			return nil, io.EOF
		}
		sent = true
		in := &boundary.Input{Records: rows.Records{Off: []int32{0}}}
		for _, s := range records {
			in.Data = append(in.Data, s...)
			in.Off = append(in.Off, int32(len(in.Data)))
		}
		return in, nil
	}
	r, err := run(t.Context(), t, cfg, next, 0)
	if want := "a" + records[0] + records[3]; err != nil || r.text != want || r.reduced.GetRowsOut() != 4 {
		t.Errorf("%d bytes %.40q, want %d (%d rows, %v)", len(r.text), r.text, len(want), r.reduced.GetRowsOut(), err)
	}
	// Lines lose what they end in, and pairs without a reduce are framed again.
	cfg.Reduce = ""
	r, err = run(t.Context(), t, cfg, batches("xyz\n", 1), 0)
	if want := "\x00\x00\x00\x01x\x00\x00\x00\x02yz"; err != nil || r.text != want {
		t.Errorf("%q, want %q (%v)", r.text, want, err)
	}
	// What only maps writes rows, a frame each: their frames are the result, and in columns what is in them.
	cfg.MapOnly = true
	for columns, want := range map[bool]string{false: "\x00\x00\x00\x01x\x00\x00\x00\x02yz", true: "xyz"} {
		cfg.Columns = columns
		r, err = run(t.Context(), t, cfg, batches("xyz\n", 1), 0)
		if err != nil || r.text != want || r.reduced.GetRowsOut() != 2 {
			t.Errorf("%q of %d rows, want %q (%v)", r.text, r.reduced.GetRowsOut(), want, err)
		}
	}
}

// TestWorkerFails: an error of the port is the attempt's, as it is, whatever the command does then.
func TestWorkerFails(t *testing.T) {
	broken := errors.New("the wire broke")
	for _, line := range []string{"cat", "sleep 1000", "seq 1 10000000", "exit 0"} {
		first := true
		_, err := run(t.Context(), t, Config{Map: line}, func() (*boundary.Input, error) {
			if !first {
				return nil, broken
			}
			first = false
			return batches("a\n", 1)()
		}, 0)
		if !errors.Is(err, broken) {
			t.Errorf("%s: %v", line, err)
		}
	}
}

// TestFiles: a script that the job brings lies where its commands run, with what it says, however odd.
func TestFiles(t *testing.T) {
	script := "#!/bin/sh\ntr a-z A-Z\n"
	dir := t.TempDir()
	for name, text := range map[string]string{"up.sh": script, "odd name": "\x00\xff=\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files, err := ReadFiles([]string{filepath.Join(dir, "up.sh"), filepath.Join(dir, "odd name")})
	if err != nil {
		t.Fatal(err)
	}
	var back Config
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	back.define(fs)
	if err := fs.Parse(Config{Map: "./up.sh", Reduce: "cat; cat 'odd name'", Files: files}.Args()[1:]); err != nil {
		t.Fatal(err)
	}
	r, err := run(t.Context(), t, back, batches("abc\n", 1), 0)
	if want := "ABC\n\x00\xff=\n"; err != nil || r.text != want {
		t.Errorf("%q, want %q (%v)", r.text, want, err)
	}
	for _, list := range [][]File{{{Name: "a/b"}}, {{Name: ".."}}, {{Name: "a"}, {Name: "a"}}, {{Name: "a", Data: make([]byte, maxFile+1)}}} {
		if _, err := (Config{Files: list}).Program(); !errs.Is(err, errs.Invalid) {
			t.Errorf("%.40v: %v", list, err)
		}
	}
	if _, err := ReadFiles([]string{dir}); !errs.Is(err, errs.Invalid) {
		t.Errorf("a folder: %v", err)
	}
}

func TestArgs(t *testing.T) {
	c := Config{Map: "a b", Combine: "c", Reduce: "d=e", Framing: Binary, OKExit: []int{1, 2}, MapOnly: true, Columns: true}
	if got, want := strings.Join(c.Args(), "|"), Verb+"|-map=a b|-combine=c|-reduce=d=e|-framing=binary|-ok-exit=1,2|-map-only|-columns"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for line, want := range map[string]string{"/usr/bin/Grep_x -v": "grepx", "": "sort", "!": "sort"} {
		if got := (Config{Map: line}).name(); got != want {
			t.Errorf("%q is called %s, want %s", line, got, want)
		}
	}
}
