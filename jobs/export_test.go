package jobs

import (
	"strings"
	"testing"
)

// ByHand is what a job that is run by hand over lines prints.
func ByHand(t *testing.T, s Stage, lines []string) string {
	t.Helper()
	code, out, errs := hand(t, s, strings.Join(lines, "\n"))
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	return out
}
