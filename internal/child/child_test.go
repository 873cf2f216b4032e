package child_test

import (
	"os/exec"
	"syscall"
	"testing"

	"github.com/mrctl/mrctl/internal/child"
)

func TestStart(t *testing.T) {
	p, err := child.Start(exec.Command("sleep", "60"))
	if err != nil {
		t.Fatal(err)
	}
	if group, err := syscall.Getpgid(p.Pid()); err != nil || group != p.Pid() {
		t.Errorf("it is in group %d, %v, want one of its own", group, err)
	}
	if err := syscall.Kill(p.Pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	if err := p.Err(); err == nil || err.Error() != "signal: killed" {
		t.Errorf("it ended with %v", err)
	}
	if _, err := child.Start(exec.Command("/nowhere/at/all")); err == nil {
		t.Error("what is not there was started")
	}
}
