package clockjump

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const program = "github.com/mrctl/mrctl/integration/chaos/clockjump/testdata/now"

// TestAClockIsMoved: the wall clock of a program jumps while it runs, and what it measures goes on as it was.
func TestAClockIsMoved(t *testing.T) {
	if err := Check(t.Context(), program); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	bin, file := filepath.Join(dir, "now"), filepath.Join(dir, "offset")
	if err := Build(t.Context(), program, dir, bin); err != nil {
		t.Fatal(err)
	}
	if err := Set(file, 0); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	cmd := exec.CommandContext(t.Context(), bin)
	cmd.Env = append(os.Environ(), Variable+"="+file)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	answers := bufio.NewScanner(out)
	for _, by := range []time.Duration{0, 3*time.Minute + 999999999, -40 * 24 * time.Hour, time.Nanosecond, 0} {
		if err := Set(file, by); err != nil {
			t.Fatal(err)
		}
		before := time.Now()
		if _, err := fmt.Fprintln(in, "now"); err != nil || !answers.Scan() {
			t.Fatal("the program does not answer: ", err, answers.Err())
		}
		after := time.Now()
		var wall, ran int64
		if _, err := fmt.Sscan(answers.Text(), &wall, &ran); err != nil {
			t.Fatal(err)
		}
		if w := time.Unix(0, wall).Add(-by); w.Before(before.Round(0)) || w.After(after.Round(0)) {
			t.Errorf("moved by %v it says %v, from %v to %v were right without", by, w, before, after)
		}
		if r := time.Duration(ran); r < 0 || r > after.Sub(began) {
			t.Errorf("moved by %v it has measured %v", by, r)
		}
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
}

func TestALibraryThatIsNotKnownIsRefused(t *testing.T) {
	for _, source := range []string{"", "func Now() Time { return other() }", now + now} {
		if _, err := patch([]byte(source)); err == nil || !strings.Contains(err.Error(), "integration/chaos/clockjump") {
			t.Errorf("%q gives %v", source, err)
		}
	}
}

func TestWhatIsNotThereCannotBeBuilt(t *testing.T) {
	if err := Check(t.Context(), program+"/nowhere"); err == nil {
		t.Error("a package that does not exist can be built")
	}
}
