package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPlan: what run would do is said, and nothing of it is done.
func TestPlan(t *testing.T) {
	cache := atHome(t)
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("more.txt.gz", []byte(strings.Repeat("x", 9000)), 0o666); err != nil {
		t.Fatal(err)
	}
	line := append([]string{"plan", testPlugin(t), "in.txt", "more.txt.gz", "--split-size", "1000", "--partitions", "3", "-o", "out"}, pluginArgs...)
	out, errOut, code := mrctl(t, servers{}, line...)
	for _, want := range []string{"2 objects, 8.8 KiB", "3 partitions", "map/1  8.8 KiB  " + filepath.Join(here, "more.txt.gz") + ":0-9000", "warning"} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("exit %d, no %q\n%s%s", code, want, out, errOut)
		}
	}
	out, errOut, code = mrctl(t, servers{}, append([]string{"plan", "--json"}, line[1:]...)...)
	var v planView
	if err := json.Unmarshal([]byte(out), &v); err != nil || code != 0 || v.Maps != 2 || len(v.Splits) != 2 || v.Bytes != 9004 || len(v.Warnings) != 1 {
		t.Errorf("exit %d, %v\n%s%s", code, err, out, errOut)
	}
	wants(t, exitUsage, "", "there is no such file", append([]string{"plan", testPlugin(t), "none.txt"}, pluginArgs...)...)
	wants(t, exitUsage, "", "read only once", append([]string{"plan", testPlugin(t), "-"}, pluginArgs...)...)
	if _, err := os.Stat("out"); err == nil {
		t.Error("the output has been made")
	}
	if runs, err := filepath.Glob(filepath.Join(cache, "mrctl", "runs", "*")); err != nil || len(runs) > 0 {
		t.Errorf("runs are left behind: %q, %v", runs, err)
	}
}
