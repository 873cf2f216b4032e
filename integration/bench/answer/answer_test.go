package answer

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// output writes a folder as a job does: a part for each text.
func output(t *testing.T, parts ...string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "_SUCCESS"), "{}")
	for i, p := range parts {
		write(t, filepath.Join(dir, "part-0000"+string(rune('0'+i))+".tsv"), p)
	}
	return dir
}

func write(t *testing.T, path, body string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func lines(t *testing.T, path string) Digest {
	t.Helper()
	d, err := Lines(path)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestLinesAreABag(t *testing.T) {
	long := strings.Repeat("x", 3<<20) + "\n"
	want := lines(t, write(t, filepath.Join(t.TempDir(), "one"), "a\t1\nb\t2\nb\t2\n"+long))
	if want.Rows != 4 {
		t.Errorf("%d rows", want.Rows)
	}
	for name, c := range map[string]struct {
		parts []string
		equal bool
	}{
		"other order and parts": {[]string{"b\t2\n", long + "a\t1\n", "", "b\t2\n"}, true},
		"a row less":            {[]string{"b\t2\na\t1\n" + long}, false},
		"a row twice":           {[]string{"b\t2\nb\t2\na\t1\na\t1\n" + long}, false},
		"another count":         {[]string{"b\t2\nb\t2\na\t3\n" + long}, false},
		"the long row":          {[]string{"b\t2\nb\t2\na\t1\ny" + long[1:]}, false},
	} {
		if got := lines(t, output(t, c.parts...)); (got == want) != c.equal {
			t.Errorf("%s: equal is %v", name, got == want)
		}
	}
}

func TestUnfinishedOutputsAreRefused(t *testing.T) {
	unmarked := output(t, "a\n")
	if err := os.Remove(filepath.Join(unmarked, "_SUCCESS")); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{
		"no mark": unmarked, "no parts": output(t), "cut line": output(t, "a\nb"), "nothing": filepath.Join(t.TempDir(), "x"),
	} {
		if _, err := Lines(path); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestSorted(t *testing.T) {
	one, err := Sorted(write(t, filepath.Join(t.TempDir(), "one"), "a1a2b1c1"), 2, 1)
	if err != nil {
		t.Fatal(err)
	}
	if two, err := Sorted(output(t, "a2c1", "a1b1"), 2, 1); err != nil || two != one {
		t.Errorf("two parts, ties the other way round: %v, equal is %v", err, two == one)
	}
	if other, err := Sorted(output(t, "a2c1", "a1b2"), 2, 1); err != nil || other == one {
		t.Errorf("other records: %v, equal is %v", err, other == one)
	}
	if _, err := Sorted(output(t, "b1a1"), 2, 1); err == nil || !strings.Contains(err.Error(), "part-00000") {
		t.Errorf("records out of order: %v", err)
	}
	if _, err := Sorted(output(t, "a1b"), 2, 1); err == nil {
		t.Error("a record cut short was taken")
	}
}

func TestDiff(t *testing.T) {
	a, b := output(t, "a\t1\nb\t2\n", "c\t1\n"), output(t, "c\t1\nb\t3\na\t1\n")
	got, err := Diff(a, b)
	if err != nil || got != "only ours: \"b\\t2\\n\"\nonly theirs: \"b\\t3\\n\"\n" {
		t.Errorf("%s, %v", got, err)
	}
	if got, err := Diff(a, a); err != nil || got != "" {
		t.Errorf("%s, %v", got, err)
	}
}
