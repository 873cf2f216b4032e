package pluginhost

import (
	"os/exec"
	"regexp"
	"testing"
)

func TestEndingSaysHowAndWithWhat(t *testing.T) {
	for script, want := range map[string]string{
		"exit 7":      `^it exited with status 7 \(it had used .+ of CPU and at most [0-9]+ MiB of memory\)$`,
		"kill -9 $$":  `^it was killed \(signal 9\), as the kernel does when memory runs out \(it had used .+\)$`,
		"kill -15 $$": `^it was ended by signal 15 \(terminated\) \(it had used .+\)$`,
	} {
		cmd := exec.Command("sh", "-c", script)
		_ = cmd.Run() // it fails, as it is to
		if how, _ := ending(cmd.ProcessState); !regexp.MustCompile(want).MatchString(how) {
			t.Errorf("%s: %q", script, how)
		}
	}
}
