package measure

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The test binary is also the program that is measured.
func TestMain(m *testing.M) {
	switch os.Getenv("MEASURE_TEST") {
	case "hold": // as much memory as asked for, and as much again in a child, until stdin ends
		n, _ := strconv.Atoi(os.Getenv("BYTES"))
		b, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON) // of known size, unlike a heap
		if err != nil {
			os.Exit(1)
		}
		for i := range b {
			b[i] = 1
		}
		if os.Getenv("CHILD") != "" {
			c := exec.Command(os.Args[0])
			c.Env = append(os.Environ(), "CHILD=")
			if c.Run() != nil {
				os.Exit(1)
			}
			os.Exit(int(b[0]) - 1)
		}
		<-time.After(300 * time.Millisecond)
		os.Exit(int(b[n-1]) - 1)
	case "spin":
		for end := time.Now().Add(200 * time.Millisecond); time.Now().Before(end); {
		}
		_, _ = os.Stdout.WriteString("done " + os.Getenv("WHAT"))
		os.Exit(0)
	case "fail":
		_, _ = os.Stderr.WriteString(strings.Repeat("noise ", 10_000) + "the reason")
		os.Exit(3)
	case "hang":
		<-time.After(time.Hour)
	}
	os.Exit(m.Run())
}

func self(env ...string) Command {
	exe, _ := os.Executable()
	return Command{Argv: []string{exe}, Env: env}
}

func TestRun(t *testing.T) {
	c := self("MEASURE_TEST=spin", "WHAT=it")
	c.Stdout = filepath.Join(t.TempDir(), "out")
	s, err := Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if s.Wall < 200*time.Millisecond || s.CPU < 20*time.Millisecond || s.CPU > 2*s.Wall || s.Foreign < 0 {
		t.Errorf("spinning for 200 ms is %+v", s)
	}
	if b, _ := os.ReadFile(c.Stdout); string(b) != "done it" {
		t.Errorf("stdout holds %q", b)
	}
}

// What a server used, and what it waited for, is known to the tick.
func TestUsed(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("the figures come from /proc: ", err)
	}
	before := used([]int{os.Getpid()})
	s, err := Run(t.Context(), self("MEASURE_TEST=spin"))
	if err != nil {
		t.Fatal(err)
	}
	if more := used([]int{os.Getpid()}) - before; more < s.CPU-2*tick || more > s.CPU+time.Second {
		t.Errorf("%v used where a child of ours used %v", more, s.CPU)
	}
	if gone := used([]int{1 << 30}); gone != 0 {
		t.Errorf("a process that is none used %v", gone)
	}
}

func TestFailureTellsTheReason(t *testing.T) {
	_, err := Run(t.Context(), self("MEASURE_TEST=fail"))
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 3 || !strings.HasSuffix(err.Error(), "the reason") || len(err.Error()) > 2*tailSize {
		t.Errorf("err = %.300v", err)
	}
	if _, err := Run(t.Context(), Command{Argv: []string{"/no/such/program"}}); err == nil {
		t.Error("a program that is not there ran")
	}
}

func TestContextEndsTheProgram(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := Run(ctx, self("MEASURE_TEST=hang")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("err = %v", err)
	}
}

func TestMemoryOfTheWholeTree(t *testing.T) {
	const n = 64 << 20
	_, m, err := RunWatched(t.Context(), self("MEASURE_TEST=hold", "BYTES="+strconv.Itoa(n), "CHILD=yes"), 5*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if m.Processes != 2 || m.Peak < 2*n || m.Peak > 2*n+64<<20 || m.Samples < 2 {
		t.Errorf("two processes of 64 MiB are %+v", m)
	}
}
