package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestPluginCheck: the examples keep the rules, a plugin that kills itself breaks one, and a call that makes no sense is refused.
func TestPluginCheck(t *testing.T) {
	logs := filepath.Join(t.TempDir(), "access.log")
	line := `192.0.2.7 - - [17/May/2015:10:05:03 +0000] "GET /index.html?q=1 HTTP/1.1" 200 2326 "-" "curl/7.68.0"` + "\n"
	if err := os.WriteFile(logs, []byte(line+line), 0o600); err != nil {
		t.Fatal(err)
	}
	wants(t, 0, "pass  map, at once", "", "plugin", "check", "../../examples/wordcount", "--", "-lower")
	wants(t, 0, "pass  reduce, big group", "", "plugin", "check", "--records", logs, "../../examples/loganalysis")
	wants(t, 1, "fail  map, failure", "1 of the rules are broken", "plugin", "check", "--failing", "BOOM", "../../integration/plugins/misbehave", "--", "-how", "exit")
	wants(t, 1, `{"check":"describe","state":"fail"`, "rules are broken", "plugin", "check", "--json", "../../examples/wordcount", "--", "-no-such")
	wants(t, 1, "fail  handshake", "rules are broken", "plugin", "check", "/bin/true")
	wants(t, 2, "", "takes one PLUGIN", "plugin", "check")
	wants(t, 2, "", "at least 1s", "plugin", "check", "--timeout", "1ms", "/bin/true")
	wants(t, 2, "", "--records", "plugin", "check", "--records", "/no/such/file", "/bin/true")
	wants(t, 2, "", "say which", "plugin")
}
