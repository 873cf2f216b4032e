package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mrctl/mrctl/internal/errs"
)

// build compiles the plugin's source for a platform. What goes into the binary is the source and the toolchain alone,
// so the same source gives the same digest on every machine. The compiler's words reach the user as they are.
func (pl *plugin) build(ctx context.Context, platform string, stderr io.Writer) error {
	goos, goarch, ok := strings.Cut(platform, "/")
	if !ok {
		return errs.New(errs.Invalid, "build %s: platform %q is not like linux/amd64", pl.arg, platform)
	}
	dir, err := os.MkdirTemp(pl.scratch, "build-")
	if err != nil {
		return errs.E(errs.Other, "build", pl.arg, err)
	}
	// The slash at the end has go build refuse packages that are no program.
	flags := []string{"-trimpath", "-ldflags=-buildid="}
	if pl.debug { // debuggers look for the source where it lies, and for variables that the compiler would do without
		flags = []string{"-gcflags=all=-N -l"}
	}
	cmd := exec.CommandContext(ctx, "go", slices.Concat([]string{"build", "-buildvcs=false"}, flags, []string{"-o", dir + "/", "."})...)
	cmd.Dir = pl.source
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+goos, "GOARCH="+goarch)
	var words bytes.Buffer
	cmd.Stdout, cmd.Stderr = &words, &words
	if err := cmd.Run(); err != nil {
		if context.Cause(ctx) != nil {
			return context.Cause(ctx)
		}
		if _, werr := stderr.Write(words.Bytes()); werr != nil {
			return werr
		}
		if errors.Is(err, exec.ErrNotFound) {
			return next(errs.E(errs.Invalid, "build", pl.arg, err), "install Go, or give a binary that is built already")
		}
		return next(errs.E(errs.Invalid, "build", pl.arg, fmt.Errorf("go build for %s: %w", platform, err)),
			"mend what the compiler names above")
	}
	built, err := os.ReadDir(dir)
	if err != nil || len(built) != 1 {
		return errs.New(errs.Other, "build %s: %d files came out of go build, not 1 (%v)", pl.arg, len(built), err)
	}
	pl.binaries[platform] = filepath.Join(dir, built[0].Name())
	return nil
}
