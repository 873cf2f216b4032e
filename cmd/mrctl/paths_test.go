package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/mrctl/mrctl/internal/errs"
)

func TestAbsolute(t *testing.T) {
	t.Chdir(t.TempDir())
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ in, want string }{
		{"a", here + "/a"}, {"./a/", here + "/a"}, {"../a", filepath.Dir(here) + "/a"}, {"/a/b", "/a/b"},
		{"a/**/*.go", here + "/a/**/*.go"}, {".", here}, {"-", "-"}, {"./-", here + "/-"},
		{"s3://b/a/../b//c%20d/", "s3://b/a/../b//c%20d/"}, {"s3://b", "s3://b"},
	} {
		if got, err := absolute(c.in); err != nil || got != c.want {
			t.Errorf("absolute(%q) = %q, %v; want %q", c.in, got, err, c.want)
		}
	}
	if _, err := absolute(""); !errs.Is(err, errs.Invalid) {
		t.Errorf("absolute of nothing: %v", err)
	}
}

func TestCheckInput(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		uri  string
		want errs.Kind
	}{
		{dir, errs.Other}, {dir + "/none", errs.NotFound}, {dir + "/*.none", errs.Other}, {"s3://b/none", errs.Other},
	} {
		if err := checkInput(c.uri); errs.KindOf(err) != c.want {
			t.Errorf("checkInput(%q) = %v, want %v", c.uri, err, c.want)
		}
	}
}

func TestCheckShared(t *testing.T) {
	for _, c := range []struct {
		store string
		fs    bool
		uris  []string
		ok    bool
	}{
		{"s3://b/p", false, []string{"s3://d/in", "s3://d/out"}, true},
		{"s3://b/p", false, []string{"s3://d/in", ""}, true},
		{"s3://b/p", false, []string{"/data/in", "s3://d/out"}, false},
		{"s3://b/p", false, []string{"s3://d/in", "/data/out"}, false},
		{"s3://b/p", true, []string{"/data/in", "/data/out"}, true},
		{"/srv/mrctl", false, []string{"/data/in", "/data/out"}, true},
	} {
		if err := checkShared(c.store, c.fs, c.uris...); (err == nil) != c.ok || err != nil && exitCode(err) != exitUsage {
			t.Errorf("checkShared(%s, %v, %q) = %v", c.store, c.fs, c.uris, err)
		}
	}
}
