package main

import (
	"os"
	"path/filepath"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/profile"
)

// profileInto starts a profile of this process in a folder, which it makes. The absolute path of the folder is given
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
	if end, err = profile.Start(filepath.Join(abs, "mrctl"+profile.CPU)); err != nil {
		return "", nil, errs.E(errs.Invalid, "--profile", dir, err)
	}
	return abs, end, nil
}
