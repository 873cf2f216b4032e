// Package profile looks at a process from its start to its end: a CPU profile, and the number of objects it allocated.
package profile

import (
	"errors"
	"os"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
)

// Suffixes of what a process leaves; what stands before them is its name.
const (
	CPU    = ".cpu.pprof" // for go tool pprof
	Allocs = ".allocs"    // a decimal number
)

// Start begins a CPU profile at path, which ends in CPU. end, called once, completes it and writes the number of objects
// allocated beside it.
func Start(path string) (end func() error, err error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		count := strconv.FormatUint(m.Mallocs, 10) + "\n"
		return errors.Join(f.Close(), os.WriteFile(strings.TrimSuffix(path, CPU)+Allocs, []byte(count), 0o600))
	}, nil
}
