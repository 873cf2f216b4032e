package jobs

import (
	"strings"
	"testing"
)

// ByHand is what a job that is run by hand over lines prints.
func ByHand(t *testing.T, s Stage, lines []string, args ...string) string {
	t.Helper()
	code, out, errs := hand(t, s, strings.Join(lines, "\n"), args...)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	return out
}

// ByHandFails is what a job that is run by hand says as it fails.
func ByHandFails(t *testing.T, s Stage, lines []string, args ...string) string {
	t.Helper()
	code, _, errs := hand(t, s, strings.Join(lines, "\n"), args...)
	if code == 0 {
		t.Fatal("it does not fail")
	}
	return errs
}
