package jobs

import (
	"bytes"
	"flag"
	"io"
	"os"
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

// ByHandParsed is what a job says that is run by hand after its main has parsed the flags.
func ByHandParsed(t *testing.T, s Stage) string {
	t.Helper()
	fs := flag.NewFlagSet("x", flag.ContinueOnError)
	if err := fs.Parse(nil); err != nil {
		t.Fatal(err)
	}
	var errs bytes.Buffer
	byHand(fs, nil, []Stage{s}, os.Stdin, io.Discard, &errs)
	return errs.String()
}
