package dataset

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mrctl/mrctl/internal/errs"
)

// expand collects the URIs, each without prefix, and the warnings.
func expand(t *testing.T, src Sources, prefix string, uris ...string) (got, warnings []string, err error) {
	t.Helper()
	for o, err := range Expand(t.Context(), src, uris, func(w string) { warnings = append(warnings, w) }) {
		if err != nil {
			return got, warnings, err
		}
		if o.Version == "" {
			t.Errorf("%s is not pinned", o.URI)
		}
		got = append(got, strings.TrimPrefix(o.URI, prefix))
	}
	return got, warnings, nil
}

var tree = []string{
	"a.txt", "a/x.txt", "a/y.log", "a/.hidden/z", "a/_tmp/z", "a/b/c/deep.txt", "a-b", "logs/2024-01/x.gz", "logs/2024-02/y.gz",
	"logs/2025-01/_SUCCESS", "logs/2025-01/part", "odd/[1]", "odd/1", "odd/a+b%20c", "odd/sub*/in", "_top", ".dot/file", "ü/é",
}

// The same names give the same objects in a bucket and in a folder.
func TestExpand(t *testing.T) {
	root := t.TempDir()
	objects := map[string]string{}
	for _, name := range tree {
		objects["data/"+name] = name
		path := filepath.Join(root, "data", name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(name), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	all := []string{"a-b", "a.txt", "a/b/c/deep.txt", "a/x.txt", "a/y.log", "logs/2024-01/x.gz", "logs/2024-02/y.gz",
		"logs/2025-01/part", "odd/1", "odd/[1]", "odd/a+b%20c", "odd/sub*/in", "ü/é"}
	cases := []struct {
		uris []string
		want []string
	}{
		{[]string{""}, all},
		{[]string{"/"}, all},
		{[]string{"/a.txt"}, []string{"a.txt"}},
		{[]string{"/a"}, []string{"a/b/c/deep.txt", "a/x.txt", "a/y.log"}},
		{[]string{"/a/"}, []string{"a/b/c/deep.txt", "a/x.txt", "a/y.log"}},
		{[]string{"/a/*"}, []string{"a/b/c/deep.txt", "a/x.txt", "a/y.log"}},
		{[]string{"/a/*.txt"}, []string{"a/x.txt"}},
		{[]string{"/**/*.txt"}, []string{"a.txt", "a/b/c/deep.txt", "a/x.txt"}},
		{[]string{"/a/**"}, []string{"a/b/c/deep.txt", "a/x.txt", "a/y.log"}},
		{[]string{"/**"}, all},
		{[]string{"/logs/2024-*"}, []string{"logs/2024-01/x.gz", "logs/2024-02/y.gz"}},
		{[]string{"/logs/*/?.gz"}, []string{"logs/2024-01/x.gz", "logs/2024-02/y.gz"}},
		{[]string{"/logs/202[!4]*"}, []string{"logs/2025-01/part"}},
		{[]string{"/logs/202[^5]-0[2-9]"}, []string{"logs/2024-02/y.gz"}},
		{[]string{"/odd/[1]"}, []string{"odd/[1]"}}, // there is one of that very name
		{[]string{"/odd/[12]"}, []string{"odd/1"}},
		{[]string{`/odd/\[*`}, []string{"odd/[1]"}},
		{[]string{"/odd/sub*"}, []string{"odd/sub*/in"}},
		{[]string{"/odd/a+b%20c"}, []string{"odd/a+b%20c"}},
		{[]string{"/_top"}, []string{"_top"}}, // hidden only to who does not name it
		{[]string{"/_*"}, []string{"_top"}},
		{[]string{"/.dot"}, []string{".dot/file"}},
		{[]string{"/a/_*/*"}, []string{"a/_tmp/z"}},
		{[]string{"/?/?"}, []string{"a/b/c/deep.txt", "ü/é"}},
		{[]string{"/logs", "/a.txt"}, []string{"logs/2024-01/x.gz", "logs/2024-02/y.gz", "logs/2025-01/part", "a.txt"}},
	}
	for _, c := range cases {
		for place, src := range map[string]Sources{filepath.Join(root, "data"): disk{}, "mem://b/data": newBucket(objects)} {
			var uris []string
			for _, u := range c.uris {
				uris = append(uris, place+u)
			}
			got, warnings, err := expand(t, src, place+"/", uris...)
			if err != nil || !slices.Equal(got, c.want) || len(warnings) > 0 {
				t.Errorf("%q:\n got %q, warnings %q, error %v\nwant %q", uris, got, warnings, err, c.want)
			}
		}
	}
	for _, uri := range []string{"/none", "/no*ne", "/a/*.gz", "/a.txt/x", "/[a"} {
		for place, src := range map[string]Sources{filepath.Join(root, "data"): disk{}, "mem://b/data": newBucket(objects)} {
			_, _, err := expand(t, src, "", place+uri)
			want := errs.NotFound
			if uri == "/[a" {
				want = errs.Invalid
			}
			if !errs.Is(err, want) || !strings.Contains(err.Error(), uri) {
				t.Errorf("%s: %v", place+uri, err)
			}
		}
	}
}

func TestExpandTwice(t *testing.T) {
	b := newBucket(map[string]string{"d/1": "a", "d/2": "b"})
	got, warnings, err := expand(t, b, "mem://b/", "mem://b/d/2", "mem://b/d", "mem://b/d/*")
	if err != nil || !slices.Equal(got, []string{"d/2", "d/1"}) {
		t.Errorf("%q, %v", got, err)
	}
	if len(warnings) != 2 || !strings.Contains(warnings[0], "mem://b/d: 1 of its objects") || !strings.Contains(warnings[1], "2 of its") {
		t.Errorf("warnings %q", warnings)
	}
}

func TestExpandBucketOddities(t *testing.T) {
	b := newBucket(map[string]string{"d/": "", "d/1": "a", "d//2": "b", "d": "the object d", "dd": "c"})
	if got, _, err := expand(t, b, "mem://b/", "mem://b/d/"); err != nil || !slices.Equal(got, []string{"d//2", "d/1"}) {
		t.Errorf("folder: %q, %v", got, err)
	}
	if got, _, err := expand(t, b, "mem://b/", "mem://b/d"); err != nil || !slices.Equal(got, []string{"d"}) {
		t.Errorf("object: %q, %v", got, err)
	}
	if got, _, err := expand(t, b, "mem://b/", "mem://b"); err != nil || len(got) != 4 {
		t.Errorf("bucket: %q, %v", got, err)
	}
	broken := errs.New(errs.Unavailable, "no answer")
	b.fail = func(op, _ string) error { return broken }
	if _, _, err := expand(t, b, "", "mem://b/d/*"); !errs.Is(err, errs.Unavailable) {
		t.Errorf("a broken store: %v", err)
	}
}

// What looks like a scheme further on in a path is none.
func TestExpandPaths(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a:", "b")
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "x"), nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	odd := strings.Replace(dir, "a:/", "a://", 1)
	for _, uri := range []string{odd, odd + "/x", "file://" + dir, "file://" + dir + "/*"} {
		if got, _, err := expand(t, disk{}, dir, uri); err != nil || !slices.Equal(got, []string{"/x"}) {
			t.Errorf("%s: %q, %v", uri, got, err)
		}
	}
}

func TestExpandLinks(t *testing.T) {
	root := t.TempDir()
	write := func(name string) {
		path := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, nil, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	link := func(to, name string) {
		if err := os.Symlink(to, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	write("real/file")
	write("d/one")
	link("../real/file", "d/linked")
	link("../d", "d/loop")
	link("self", "d/self")
	link("nowhere", "d/dangling")
	link("d", "in")

	got, warnings, err := expand(t, disk{}, root+"/", root+"/in")
	if err != nil || !slices.Equal(got, []string{"in/linked", "in/one"}) || len(warnings) != 3 {
		t.Errorf("a folder behind a link: %q, %v, warnings %q", got, err, warnings)
	}
	got, warnings, err = expand(t, disk{}, root+"/", root+"/i*/one")
	if err != nil || !slices.Equal(got, []string{"in/one"}) || len(warnings) > 0 {
		t.Errorf("a link that a glob spells out: %q, %v, warnings %q", got, err, warnings)
	}
	got, _, err = expand(t, disk{}, root+"/", root+"/**")
	if err != nil || !slices.Equal(got, []string{"d/linked", "d/one", "real/file"}) {
		t.Errorf("**: %q, %v", got, err)
	}
}

func TestExpandRefuses(t *testing.T) {
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "bad\xff"), nil, 0o644); err != nil {
		t.Skip("this file system takes only UTF-8")
	}
	for _, uri := range []string{"relative/path", "mem:///x", root} {
		if _, _, err := expand(t, disk{}, "", uri); !errs.Is(err, errs.Invalid) {
			t.Errorf("%q: %v", uri, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range Expand(ctx, disk{}, []string{root}, nil) {
		if !errs.Is(err, errs.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
	}
}
