package jobs

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// hand runs a job by hand.
func hand(t *testing.T, s Stage, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	in := filepath.Join(t.TempDir(), "stdin")
	if err := os.WriteFile(in, []byte(stdin), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(in)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fs := flag.NewFlagSet("x", flag.ContinueOnError)
	fs.Bool("lower", false, "fold `case`")
	var out, errs bytes.Buffer
	code = byHand(fs, args, []Stage{s}, f, &out, &errs)
	return code, out.String(), errs.String()
}

func write(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "in.txt")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestByHand(t *testing.T) {
	job := wordJob{Name: "x", Map: countWords, Combine: Sum[int64]()}
	a, b := write(t, "b a\r\nb\\c\n"), write(t, "a")
	for name, c := range map[string]struct {
		stdin  string
		args   []string
		code   int
		out    string
		stderr string
	}{
		"files":              {"", []string{a, b}, 0, "a\t2\nb\t1\nb\\\\c\t1\n", ""},
		"flags anywhere":     {"", []string{a, "-lower", b}, 0, "a\t2\nb\t1\nb\\\\c\t1\n", ""},
		"standard input":     {"z\ny", nil, 0, "y\t1\nz\t1\n", ""},
		"dash":               {"z", []string{b, "-"}, 0, "a\t1\nz\t1\n", ""},
		"a file named -x":    {"", []string{"--", "-x"}, 1, "", "open -x"},
		"help":               {"", []string{"-h"}, 0, "-lower case", ""},
		"an unknown flag":    {"", []string{"-x", a}, 2, "", "-x"},
		"a file not there":   {"", []string{a + "x"}, 1, "", "no such file"},
		"nothing to count":   {"", []string{write(t, "")}, 0, "", ""},
		"only a line's end":  {"", []string{write(t, "\n")}, 0, "", ""},
		"a folder, not file": {"", []string{t.TempDir()}, 1, "", "is a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, stderr := hand(t, job, c.stdin, c.args...)
			if code != c.code || name != "help" && out != c.out || !strings.Contains(out, c.out) || !strings.Contains(stderr, c.stderr) {
				t.Errorf("exit %d\nstdout %q\nstderr %q", code, out, stderr)
			}
		})
	}
}

// Lines of any length, over the bounds of the reader's buffers.
func TestByHandLongLines(t *testing.T) {
	var text strings.Builder
	want := map[int]int{}
	for i := range 120 {
		n := i * i * 20
		want[n]++
		text.WriteString(strings.Repeat("x", n) + "\n")
	}
	want[5<<20]++
	text.WriteString(strings.Repeat("y", 5<<20))
	job := Job[string, int, int64, Pair[int, int64]]{Name: "x", Combine: Sum[int64](), Map: func(_ context.Context, line string, emit func(int, int64)) error {
		emit(len(line), 1)
		return nil
	}}
	code, out, stderr := hand(t, job, "", write(t, text.String()))
	if code != 0 {
		t.Fatal(stderr)
	}
	for line := range strings.Lines(out) {
		var n, c int
		fmt.Sscanf(line, "%d\t%d", &n, &c)
		if want[n] != c {
			t.Errorf("%d lines of %d bytes, want %d", c, n, want[n])
		}
		delete(want, n)
	}
	if len(want) > 0 {
		t.Errorf("lengths missing: %v", want)
	}
}

func TestByHandSaysWhere(t *testing.T) {
	job := wordJob{Name: "x", Map: func(_ context.Context, line string, _ func(string, int64)) error {
		switch line {
		case "bad":
			return BadRecord(errors.New("no good"))
		case "fatal":
			return errors.New("the end")
		}
		return nil
	}}
	in := write(t, "ok\nbad\n")
	if code, _, stderr := hand(t, job, "", in); code != 0 || !strings.Contains(stderr, in+" at byte 3: no good") || !strings.Contains(stderr, "1 of 2 records") {
		t.Errorf("exit %d, %s", code, stderr)
	}
	in = write(t, "ok\r\nok\nfatal\n")
	if code, _, stderr := hand(t, job, "", in); code != 1 || !strings.Contains(stderr, in+" at byte 7: the end") {
		t.Errorf("exit %d, %s", code, stderr)
	}
}
