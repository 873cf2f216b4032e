package pluginhost

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"
)

// usage says what a process that has ended had used, for its author: a death for want of memory shows in it.
func usage(s *os.ProcessState) string {
	cpu := (s.UserTime() + s.SystemTime()).Round(time.Millisecond)
	r, ok := s.SysUsage().(*syscall.Rusage)
	if !ok {
		return fmt.Sprintf(" (it had used %v of CPU)", cpu)
	}
	resident := int64(r.Maxrss)
	if runtime.GOOS == "linux" {
		resident <<= 10 // getrusage(2): kilobytes there, bytes on macOS
	}
	return fmt.Sprintf(" (it had used %v of CPU and at most %d MiB of memory)", cpu, resident>>20)
}
