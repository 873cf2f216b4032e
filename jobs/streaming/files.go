package streaming

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/mrctl/mrctl/internal/errs"
)

// File is a small file that lies in the folder of each command, executable, such as a script.
type File struct {
	Name string // without a folder
	Data []byte
}

// Bounds of files, in bytes: they travel as arguments of a process, each in base64, of which Linux takes 128 KiB each and
// mostly 2 MiB in all.
const (
	maxFile  = 64 << 10
	maxFiles = 512 << 10
)

// ReadFiles reads the files at some paths.
func ReadFiles(paths []string) ([]File, error) {
	var files []File
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil {
			return nil, errs.E(errs.Invalid, "--file", "", err)
		}
		if info.Size() > maxFile || !info.Mode().IsRegular() {
			return nil, errs.New(errs.Invalid, "--file %s: it is no file of at most %d KiB; what is larger must lie where all workers see it", p, maxFile>>10)
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return nil, errs.E(errs.Invalid, "--file", "", err)
		}
		files = append(files, File{filepath.Base(p), b})
	}
	return files, nil
}

func checkFiles(files []File) error {
	all, names := 0, map[string]bool{}
	for _, f := range files {
		switch all += len(f.Data); {
		case f.Name == "" || f.Name == "." || f.Name == ".." || strings.ContainsAny(f.Name, "/\x00=") || len(f.Name) > 200:
			return errs.New(errs.Invalid, "--file %q: a file cannot be called so", f.Name)
		case names[f.Name]:
			return errs.New(errs.Invalid, "--file %s: two files are called so", f.Name)
		case len(f.Data) > maxFile || all > maxFiles:
			return errs.New(errs.Invalid, "--file %s: a file may have %d KiB, all together %d", f.Name, maxFile>>10, maxFiles>>10)
		}
		names[f.Name] = true
	}
	return nil
}

// arg is the file as an argument; fileOf reads it.
func (f File) arg() string { return f.Name + "=" + base64.StdEncoding.EncodeToString(f.Data) }

func fileOf(arg string) (File, error) {
	name, text, _ := strings.Cut(arg, "=")
	b, err := base64.StdEncoding.DecodeString(text)
	return File{name, b}, err
}

// write writes files into the folder of an attempt. No process is forked meanwhile: it would hold a file open for writing
// until it executes its program, and what is open for writing cannot be executed (golang.org/issue/22315).
func write(dir string, files []File) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	for _, f := range files {
		path := filepath.Join(dir, f.Name)
		err := os.WriteFile(path, f.Data, 0o600)
		if err == nil {
			err = os.Chmod(path, 0o700)
		}
		if err != nil {
			return fmt.Errorf("write a file of the job: %w", err)
		}
	}
	return nil
}
