package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage/locate"
)

// stdin is the input that stands for standard input; a file of that name is ./-.
const stdin = "-"

// absolute makes a local path mean the same in every process; other URIs, and stdin, are kept byte for byte. A slash at
// the end of a path says no more than the path does.
func absolute(uri string) (string, error) {
	if uri == "" {
		return "", errs.New(errs.Invalid, "path %q: it is empty", uri)
	}
	if uri == stdin || !locate.IsLocal(uri) {
		return uri, nil
	}
	abs, err := filepath.Abs(strings.TrimPrefix(uri, "file://"))
	return abs, errs.E(errs.Invalid, "path", uri, err)
}

// isPattern reports whether a path is a glob, which only the planner expands.
func isPattern(path string) bool { return strings.ContainsAny(path, `*?[{\`) }

// checkInput refuses a local input that is not there, before anything is started. What a glob or a bucket holds is
// found out when the job is planned.
func checkInput(uri string) error {
	if !locate.IsLocal(uri) || isPattern(uri) {
		return nil
	}
	_, err := os.Stat(uri)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return next(errs.New(errs.NotFound, "input %s: there is no such file or folder", uri),
			"check the path; relative ones start at the current folder")
	case err != nil:
		return errs.E(errs.Invalid, "input", "", err)
	}
	return nil
}

// checkShared refuses local paths in a job for other machines. store is the cluster's.
func checkShared(store string, sharedFS bool, uris ...string) error {
	if sharedFS || locate.IsLocal(store) {
		return nil // a cluster around a folder has that folder's file system in common
	}
	for _, uri := range uris {
		if uri != "" && locate.IsLocal(uri) {
			return next(errs.New(errs.Invalid, "path %s: the workers of %s may not see this machine's files", uri, store),
				"put it in a bucket, or say --shared-fs if every worker has it at the same path")
		}
	}
	return nil
}
