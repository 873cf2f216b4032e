package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// output runs a program and gives what it prints.
func output(t *testing.T, args ...string) (string, error) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout := os.Stdout
	os.Stdout = w
	defer func() { os.Stdout = stdout }()
	failed := run(args)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b), failed
}

func TestPrograms(t *testing.T) {
	file := func(name, body string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	text := file("text", "a a\na\n")
	log := file("log", `1.1.1.1 - - [01/Mar/2026:00:00:00 +0000] "GET /x HTTP/1.1" 200 5 "-" "-"`+"\n")
	for _, c := range []struct{ args, want string }{
		{"wc naive " + text, "a\t3\n"},
		{"wc fast " + text, "a\t3\n"},
		{"wc threads " + text, "a\t3\n"},
		{"logs naive " + log, "200\t/x\t1\t5\n"},
		{"logs fast " + log, "200\t/x\t1\t5\n"},
		{"groups " + file("rows", "k vv\n"), "k\t1\t2\n"},
		{"sort " + file("records", "") + " " + filepath.Join(t.TempDir(), "out"), ""},
	} {
		if got, err := output(t, strings.Fields(c.args)...); err != nil || got != c.want {
			t.Errorf("%s: %q, %v, want %q", c.args, got, err, c.want)
		}
	}
	for _, args := range []string{"", "wc", "wc slow x", "wc fast", "wc fast a b", "wc naive /nothing", "logs fast /nothing",
		"logs naive /nothing", "groups /nothing", "sort a", "sort /nothing x", "copy tcp", "copy pigeon 5", "copy tcp many", "copy-receive tcp"} {
		if got, err := output(t, strings.Fields(args)...); err == nil {
			t.Errorf("%q: no error, but %q", args, got)
		}
	}
}
