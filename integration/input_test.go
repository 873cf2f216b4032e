package integration

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mrctl/mrctl/integration/reference"
)

// awkward are inputs that systems of this kind get wrong.
func awkward() map[string][]byte {
	return map[string][]byte{
		"empty":             {},
		"no newline at end": []byte("one two\nthree"),
		"only newlines":     []byte("\n\n\n\n"),
		"crlf":              []byte("a b\r\nb c\r\n\r\nc"),
		"lone cr":           []byte("a\rb\nc\r\r\nd\r"),
		"nul bytes":         []byte("a\x00b c\n\x00\n\x00 \x00\n"),
		"invalid utf-8":     []byte("ok \xff\xfe bad\xc3 \xe2\x82\n\xf0\x9f\x98\x80 \xed\xa0\x80\n"),
		"unicode spaces":    []byte("a\u00a0b\u2003c\u3000d\u0085e\n\u200bf\n"),
		"tabs and slashes":  []byte("a\\b\tc\\\\ \\n\n\\t\n"),
		"long line":         append(bytes.Repeat([]byte("lorem ipsum "), 10_000), "end\nnext line\n"...),
	}
}

// TestAwkwardInputs counts words of each awkward input, and of all together, at split sizes from one byte up. (Every
// split size from 1 over the whole file is a test of package dataset; here the whole way is gone.)
func TestAwkwardInputs(t *testing.T) {
	ctx := deadline(t, 5*time.Minute)
	dir := t.TempDir()
	for name, body := range awkward() {
		if err := os.WriteFile(filepath.Join(dir, strings.ReplaceAll(name, " ", "-")), body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := reference.WordCount(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{1000, 4093, 65536, 1 << 20} {
		for _, parts := range []int{1, 3} {
			t.Run(fmt.Sprintf("split %d parts %d", size, parts), func(t *testing.T) {
				r := mrctl(t, ctx, "run", wordcount(t), dir, "--split-size", fmt.Sprint(size), "--partitions", fmt.Sprint(parts), "--quiet", "--memory", "64MiB")
				if r.Code != 0 {
					t.Fatalf("exit %d\n%s", r.Code, r.Err)
				}
				if diff := reference.Diff(reference.Lines(r.Out), want); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
	small := filepath.Join(dir, "crlf")
	want, err = reference.WordCount(small)
	if err != nil {
		t.Fatal(err)
	}
	for size := 1; size <= 16; size += 3 {
		r := mrctl(t, ctx, "run", wordcount(t), small, "--split-size", fmt.Sprint(size), "--quiet")
		if diff := reference.Diff(reference.Lines(r.Out), want); diff != "" || r.Code != 0 {
			t.Errorf("split size %d: exit %d, %s\n%s", size, r.Code, diff, r.Err)
		}
	}
}

// TestLineOf64MiB: one enormous line within a budget that holds it once.
func TestLineOf64MiB(t *testing.T) {
	ctx := deadline(t, 3*time.Minute)
	path := filepath.Join(t.TempDir(), "huge")
	line := append(bytes.Repeat([]byte("0123456 "), 8<<20), '\n')
	if err := os.WriteFile(path, append([]byte("before\n"), append(line, "after\n"...)...), 0o600); err != nil {
		t.Fatal(err)
	}
	r := mrctl(t, ctx, "run", wordcount(t), path, "--quiet", "--memory", "512MiB", "--slots", "1", "--max-record", "128MiB")
	if r.Code != 0 {
		t.Fatalf("exit %d\n%s", r.Code, r.Err)
	}
	want := []string{"0123456\t8388608", "after\t1", "before\t1"}
	if diff := reference.Diff(reference.Lines(r.Out), want); diff != "" {
		t.Error(diff)
	}
}

// TestEmptyInputGivesEmptyParts: an output of no rows is whole all the same.
func TestEmptyInputGivesEmptyParts(t *testing.T) {
	ctx := deadline(t, time.Minute)
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	if err := os.WriteFile(in, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r := mrctl(t, ctx, "run", wordcount(t), in, "-o", out, "--partitions", "3", "--quiet")
	if r.Code != 0 {
		t.Fatalf("exit %d\n%s", r.Code, r.Err)
	}
	for i := range 3 {
		st, err := os.Stat(filepath.Join(out, fmt.Sprintf("part-%05d.tsv", i)))
		if err != nil || st.Size() != 0 {
			t.Errorf("part %d: %v, %v", i, st, err)
		}
	}
	if lines, err := reference.Parts(out); err != nil || len(lines) != 0 {
		t.Error(lines, err)
	}
}
