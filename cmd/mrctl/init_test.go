package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestInitFindsTheCheckout: a folder within one, or beside it, is built with it.
func TestInitFindsTheCheckout(t *testing.T) {
	root := t.TempDir()
	sdk := filepath.Join(root, "mrctl")
	if err := os.MkdirAll(filepath.Join(sdk, "examples"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"go.mod": "module " + sdkModule + "\n\ngo 1.26.0\n\nrequire example.com/dep v1.2.3\n", "go.sum": "example.com/dep v1.2.3 h1:x\n",
	} {
		if err := os.WriteFile(filepath.Join(sdk, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for dir, want := range map[string]string{"letters": "../mrctl", "mrctl/examples/letters": "../.."} {
		wants(t, 0, "go test .", "", "init", filepath.Join(root, dir))
		mod, err := os.ReadFile(filepath.Join(root, dir, "go.mod"))
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range []string{`replace github.com/mrctl/mrctl => "` + want + `"`, "example.com/dep v1.2.3", "module example.com/letters"} {
			if !strings.Contains(string(mod), line) {
				t.Errorf("%s: go.mod has no %s:\n%s", dir, line, mod)
			}
		}
		if sum, err := os.ReadFile(filepath.Join(root, dir, "go.sum")); err != nil || len(sum) == 0 {
			t.Errorf("%s: go.sum is %q, %v", dir, sum, err)
		}
	}
	main := filepath.Join(root, "letters", "main.go")
	if err := os.WriteFile(main, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(root, "letters", "go.mod")); err != nil {
		t.Fatal(err)
	}
	wants(t, 2, "", "is there already", "init", filepath.Join(root, "letters"))
	if got, err := os.ReadFile(main); err != nil || string(got) != "mine" {
		t.Errorf("main.go is now %q, %v", got, err)
	}
	if _, err := os.Stat(filepath.Join(root, "letters", "go.mod")); err == nil {
		t.Error("go.mod was written although the folder was refused")
	}
}

func TestInitRefuses(t *testing.T) {
	dir := t.TempDir()
	for want, args := range map[string][]string{
		"it takes the one name":            {"init"},
		"1 to 40 of a-z":                   {"init", filepath.Join(dir, "My Job")},
		"the templates are lines and rows": {"init", filepath.Join(dir, "a"), "--template", "xml"},
		"no path of a Go module":           {"init", filepath.Join(dir, "a"), "--module", "a b"},
		"is not that of":                   {"init", filepath.Join(dir, "a"), "--sdk", dir},
	} {
		wants(t, 2, "", want, args...)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
