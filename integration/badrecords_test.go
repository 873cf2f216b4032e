package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mrctl/mrctl/internal/ledger"
)

// splitSize is the split size of these tests; their input has several splits.
const splitSize = 20_000

// spoilt is a file of lines, some of which the plugin misbehave does not survive.
type spoilt struct {
	path string
	bad  map[int64]string // by offset: the line
	want map[string]int64 // the words of the others, counted
}

// spoil writes a file in which the lines chosen by pick are bad in ways that come in turn.
func spoil(t *testing.T, ways []string, pick func(line int, off int64, n, lines int) bool) spoilt {
	t.Helper()
	s := spoilt{path: filepath.Join(t.TempDir(), "in.txt"), bad: map[int64]string{}, want: map[string]int64{}}
	const lines = 2500
	var text bytes.Buffer
	for i := range lines {
		line := fmt.Sprintf("line number %d of the file w%d w%d", i, i%7, i%13)
		off := int64(text.Len())
		if pick(i, off, len(line)+1, lines) {
			way := ways[len(s.bad)%len(ways)]
			line = fmt.Sprintf("row %d BOOM %s in it w%d", i, way, i%7)
			s.bad[off] = line
		} else {
			for _, w := range strings.Fields(line) {
				s.want[w]++
			}
		}
		text.WriteString(line + "\n")
	}
	if err := os.WriteFile(s.path, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

// edges are the first line, the last, some in the middle, and those on both sides of where splits meet.
func edges(line int, off int64, n, lines int) bool {
	last := off + int64(n) - 1
	return line == 0 || line == lines-1 || line == lines/2 || line == lines/2+1 || off/splitSize != (last+1)/splitSize || off > 0 && off/splitSize != (off-1)/splitSize
}

func some(line int, _ int64, _, lines int) bool { return line == 3 || line == lines-1 }

func (s spoilt) run(t *testing.T, ctx context.Context, max int, out string, how string) (code int, stdout, stderr string) {
	t.Helper()
	args := []string{"run", plugin(t, "misbehave"), s.path, "-o", out, "--json", "--split-size", strconv.Itoa(splitSize), "--partitions", "2",
		"--max-bad-records", strconv.Itoa(max), "--max-attempts", "2"}
	if how == "spin" {
		args = append(args, "--record-timeout", "1s")
	}
	r := mrctl(t, ctx, append(args, "--", "-how", how)...)
	return r.Code, r.Out, r.Err
}

// TestBadRecordsOfEveryKind: whatever a record does to the plugin, with --max-bad-records the answer is that of the
// other records, and the dead letters name exactly it.
func TestBadRecordsOfEveryKind(t *testing.T) {
	for how, c := range map[string]struct {
		ways []string
		pick func(line int, off int64, n, lines int) bool
	}{
		"bad": {[]string{""}, edges}, "panic": {[]string{""}, edges}, "exit": {[]string{""}, edges}, "segv": {[]string{""}, some},
		"memory": {[]string{""}, some}, "spin": {[]string{""}, some}, "any": {[]string{"exit", "bad", "panic", "segv"}, edges},
	} {
		t.Run(how, func(t *testing.T) {
			ctx := deadline(t, 2*time.Minute)
			s := spoil(t, c.ways, c.pick)
			out := filepath.Join(t.TempDir(), "out")
			code, stdout, stderr := s.run(t, ctx, 50, out, how)
			if code != 0 || !strings.Contains(stdout, fmt.Sprintf(`"map.bad_records":%d`, len(s.bad))) {
				t.Fatalf("exit %d\n%s\n%s", code, stdout, stderr)
			}
			if got := countsIn(t, out); !maps.Equal(got, s.want) {
				t.Errorf("%d words, want %d", len(got), len(s.want))
			}
			if got := lettersIn(t, out, s.path); !maps.Equal(got, s.bad) {
				t.Errorf("dead letters:\n%v\nwant\n%v", got, s.bad)
			}
		})
	}
}

// TestOneBadRecordTooMany: as soon as there is one more than allowed the job fails, and names one.
func TestOneBadRecordTooMany(t *testing.T) {
	for _, how := range []string{"panic", "exit", "spin"} {
		for _, max := range []int{-1, 0, 1} {
			if how == "spin" && max >= 0 {
				continue // takes its time, and differs by no line of code
			}
			t.Run(fmt.Sprint(how, max), func(t *testing.T) {
				ctx := deadline(t, time.Minute)
				s := spoil(t, []string{""}, some)
				out := filepath.Join(t.TempDir(), "out")
				code, _, stderr := s.run(t, ctx, max, out, how)
				named := false
				for off := range s.bad {
					named = named || strings.Contains(stderr, fmt.Sprintf("in.txt at byte %d", off))
				}
				if code != 1 || !named {
					t.Errorf("exit %d\n%s", code, stderr)
				}
				if left, _ := os.ReadDir(out); len(visible(left)) > 0 {
					t.Errorf("left in the output folder: %v", visible(left))
				}
			})
		}
	}
}

// TestAttemptTimeout: an attempt that is over time fails and says what to do.
func TestAttemptTimeout(t *testing.T) {
	ctx := deadline(t, time.Minute)
	s := spoil(t, []string{""}, some)
	r := mrctl(t, ctx, "run", plugin(t, "misbehave"), s.path, "-o", filepath.Join(t.TempDir(), "out"), "--attempt-timeout", "500ms",
		"--max-attempts", "2", "--", "-how", "hang")
	if r.Code != 1 || !strings.Contains(r.Err, "--attempt-timeout") || !strings.Contains(r.Err, "map 0 failed 2 times") || !strings.Contains(r.Err, "--split-size") {
		t.Errorf("exit %d\n%s", r.Code, r.Err)
	}
}

// countsIn reads a result of words and counts.
func countsIn(t *testing.T, out string) map[string]int64 {
	t.Helper()
	got := map[string]int64{}
	parts, err := filepath.Glob(filepath.Join(out, "part-*.tsv"))
	if err != nil || len(parts) == 0 {
		t.Fatal(parts, err)
	}
	for _, p := range parts {
		for line := range strings.Lines(read(t, p)) {
			word, count, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
			n, err := strconv.ParseInt(count, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			got[word] += n
		}
	}
	return got
}

// lettersIn reads the dead letters of a result: lines by offset.
func lettersIn(t *testing.T, out, path string) map[int64]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(out, "_mrctl-bad", "*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	got := map[int64]string{}
	var order []int64
	for _, f := range files {
		for line := range strings.Lines(read(t, f)) {
			var b ledger.BadRecord
			if err := json.Unmarshal([]byte(line), &b); err != nil {
				t.Fatal(err)
			}
			if b.Object != path || b.Error == "" {
				t.Errorf("%s", line)
			}
			got[int64(b.Offset)] = b.Record
			order = append(order, int64(b.Offset))
		}
	}
	slices.Sort(order)
	if n := len(slices.Compact(order)); n != len(order) {
		t.Errorf("%d letters for %d records", len(order), n)
	}
	return got
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
