package main

import (
	"errors"
	"os"
	"path/filepath"
	"runtime/pprof"

	"github.com/mrctl/mrctl/internal/errs"
)

// profileInto starts a CPU profile of this process in a folder, which it makes. The absolute path of the folder is given
// back for the plugin's; "" profiles nothing.
func profileInto(dir string) (abs string, end func() error, err error) {
	if dir == "" {
		return "", func() error { return nil }, nil
	}
	if abs, err = filepath.Abs(dir); err == nil {
		err = os.MkdirAll(abs, 0o755)
	}
	if err != nil {
		return "", nil, errs.E(errs.Invalid, "--profile", dir, err)
	}
	f, err := os.Create(filepath.Join(abs, "mrctl.cpu.pprof"))
	if err != nil {
		return "", nil, errs.E(errs.Invalid, "--profile", dir, err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return "", nil, errors.Join(errs.E(errs.Invalid, "--profile", dir, err), f.Close())
	}
	return abs, func() error {
		pprof.StopCPUProfile()
		return f.Close()
	}, nil
}
