package chaos_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/mrctl/mrctl/integration/chaos"
)

// runs does a run by the verb, as a user would, and gives what it prints and its exit code.
func runs(t *testing.T, args ...string) (res chaos.Result, said string, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), bin, append([]string{"chaos", "--json", "--runs", "1", "--store", "folder", "--keep", shortDir(t)}, args...)...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	if out.Len() > 0 {
		if err := json.Unmarshal(out.Bytes(), &res); err != nil {
			t.Fatalf("%v in %s%s", err, out.String(), errOut.String())
		}
	}
	return res, errOut.String(), cmd.ProcessState.ExitCode()
}

// TestPacketsVanish: where processes can have networks of their own, some of all packets are lost, and a worker or leader hears
// nobody for seconds while all hear it. Elsewhere the same command uses proxies, says so, and what they cannot do is left out or
// refused.
func TestPacketsVanish(t *testing.T) {
	res, said, code := runs(t, "--seed", "34", "--faults", "lose-packets,deaf,partition,split-workers,cut-shuffle")
	t.Logf("%s%s\n%s\n%.1f s, bound %.0f s", said, res.Plan, strings.Join(res.Happened, "\n"), res.Seconds, res.Bound)
	if code != 0 || len(res.Broken) > 0 {
		t.Errorf("exit %d, %q; logs: %s\nagain: %s", code, res.Broken, res.Logs, res.Replay)
	}
	vanish := strings.Contains(res.Plan, "lose-packets") && strings.Contains(res.Plan, "deaf")
	switch res.Net {
	case chaos.Namespaces:
		if !vanish || !strings.HasPrefix(said, "net: namespaces") {
			t.Errorf("with namespaces it says %q and plans %s", said, res.Plan)
		}
	case chaos.Proxies:
		if vanish || !strings.Contains(res.Plan, "cut-shuffle") || !strings.HasPrefix(said, "net: proxies (namespaces cannot be had: ") {
			t.Errorf("with proxies it says %q and plans %s", said, res.Plan)
		}
		if _, said, code := runs(t, "--net", "namespaces"); code != 2 || !strings.Contains(said, "--net proxies") {
			t.Errorf("asked for namespaces that cannot be had it ends with %d, %s", code, said)
		}
	default:
		t.Errorf("the net is %q", res.Net)
	}
}
