package dataset

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"unicode/utf8"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
)

// local expands a path. The names come from the file system itself, which alone can tell files, folders and links
// apart; sizes and versions come from the Source, as they must mean the same when the file is opened.
func (e *expansion) local(ctx context.Context, uri string, visit func(Object) error) error {
	if !filepath.IsAbs(uri) {
		return errs.E(errs.Invalid, "input", uri, errors.New("a path must be absolute; elsewhere the working folder is another"))
	}
	w := &walk{ctx: ctx, e: e, visit: visit}
	name := filepath.Clean(uri)
	info, err := os.Stat(name)
	switch {
	case err == nil && info.IsDir():
		return w.folder(name, nil, glob(nil).start())
	case err == nil:
		if !info.Mode().IsRegular() {
			return errs.E(errs.Invalid, "input", uri, errors.New("this is neither a file nor a folder"))
		}
		info, err := w.stat(name)
		if err == nil && info.Size == 0 {
			err = reallyEmpty(name)
		}
		return w.found(name, info, err)
	case !missing(err):
		return errs.E(errs.Invalid, "input", uri, cause(err))
	case !hasMeta(name):
		return nil
	}
	// The folders that are spelled out need no walk.
	root, pattern := "/", name[1:]
	for {
		head, tail, more := strings.Cut(pattern, "/")
		if !more || strings.ContainsAny(head, `*?[\`) {
			break
		}
		root, pattern = filepath.Join(root, head), tail
	}
	g, err := parseGlob(pattern)
	if err != nil {
		return errs.E(errs.Invalid, "input", uri, err)
	}
	if info, err := os.Stat(root); err == nil && info.IsDir() {
		return w.folder(root, g, g.start())
	}
	return nil
}

// reallyEmpty refuses a file whose size is told as 0 and which has bytes all the same, as those of /proc do: by its size
// nothing of it would be read, and nobody would know.
func reallyEmpty(name string) (err error) {
	f, err := os.Open(name)
	if err != nil {
		return errs.E(errs.Invalid, "input", name, cause(err))
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if n, _ := f.Read(make([]byte, 1)); n > 0 {
		return errs.E(errs.Invalid, "input", name, errors.New("its size is told as 0 bytes, and it is not empty; name a copy of it"))
	}
	return nil
}

type walk struct {
	ctx   context.Context // of the one call that local is
	e     *expansion
	visit func(Object) error
}

// entry is a name in a folder, links resolved.
type entry struct {
	name  string
	dir   bool
	state []int
	info  storage.Info // of a file, once it has been looked at; or err
	err   error
}

// folder visits the files below dir that match, in byte order of their paths.
func (w *walk) folder(dir string, g glob, state []int) error {
	if err := context.Cause(w.ctx); err != nil {
		return err
	}
	list, err := os.ReadDir(dir)
	if err != nil {
		return errs.E(errs.Invalid, "read folder", dir, cause(err))
	}
	var found []entry
	for _, d := range list {
		if f, ok := w.entry(dir, d, g, state); ok {
			found = append(found, f)
		}
	}
	// A folder sorts as its files do: by a name that goes on with "/".
	slices.SortFunc(found, func(a, b entry) int { return cmp.Compare(a.sortKey(), b.sortKey()) })
	for some := range slices.Chunk(found, block) {
		w.look(dir, some)
		for _, f := range some {
			name := filepath.Join(dir, f.name)
			if f.dir {
				err = w.folder(name, g, f.state)
			} else {
				err = w.found(name, f.info, f.err)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// Files are looked at in blocks, by several threads where there is enough for each: one alone would walk a folder of many
// small files no faster than a core, or a distant file server, answers it.
const (
	block  = 1024
	enough = 64
)

// look asks for size and version of the files among some entries of dir.
func (w *walk) look(dir string, some []entry) {
	threads := min(runtime.GOMAXPROCS(0), len(some)/enough+1)
	var others sync.WaitGroup
	for t := range threads {
		part := some[t*len(some)/threads : (t+1)*len(some)/threads]
		look := func() {
			for i := range part {
				if f := &part[i]; !f.dir {
					f.info, f.err = w.stat(filepath.Join(dir, f.name))
				}
			}
		}
		if t < threads-1 {
			others.Go(look)
		} else {
			look()
		}
	}
	others.Wait()
}

func (f entry) sortKey() string {
	if f.dir {
		return f.name + "/"
	}
	return f.name
}

// entry decides about one name: whether it can match, and what a link leads to.
func (w *walk) entry(dir string, d fs.DirEntry, g glob, state []int) (entry, bool) {
	f := entry{name: d.Name(), dir: d.IsDir(), state: g.step(state, d.Name(), false)}
	if len(f.state) == 0 || !f.dir && !g.matched(f.state) && d.Type()&fs.ModeSymlink == 0 {
		return f, false
	}
	mode, name := d.Type(), filepath.Join(dir, f.name)
	if mode&fs.ModeSymlink != 0 {
		info, err := os.Stat(name)
		if err != nil {
			w.e.warn(fmt.Sprintf("input %s is skipped: a link that leads nowhere: %v", name, cause(err)))
			return f, false
		}
		mode, f.dir = info.Mode(), info.IsDir()
		if f.dir {
			if f.state = g.step(state, f.name, true); len(f.state) == 0 {
				w.e.warn(fmt.Sprintf("input %s is skipped: a link to a folder; name it as an input to have it read", name))
			}
			return f, len(f.state) > 0
		}
	}
	if f.dir {
		return f, true
	}
	if !g.matched(f.state) {
		return f, false
	}
	if !mode.IsRegular() {
		w.e.warn(fmt.Sprintf("input %s is skipped: it is not a file", name))
		return f, false
	}
	return f, true
}

// stat asks for size and version of a file, in the words of its Source.
func (w *walk) stat(name string) (storage.Info, error) {
	if !utf8.ValidString(name) {
		return storage.Info{}, errs.E(errs.Invalid, "input", fmt.Sprintf("%q", name), errors.New("the name is not UTF-8; rename it"))
	}
	src, key, err := w.e.src.Source(name)
	if err != nil {
		return storage.Info{}, err
	}
	info, err := src.Stat(w.ctx, key)
	if err != nil && !errors.Is(err, storage.ErrNotExist) {
		err = errs.E(errs.Other, "input", name, err)
	}
	return info, err
}

// found visits a file that has been looked at.
func (w *walk) found(name string, info storage.Info, err error) error {
	if errors.Is(err, storage.ErrNotExist) {
		w.e.warn(fmt.Sprintf("input %s is skipped: it went away while the folder was read", name))
		return nil
	}
	if err != nil {
		return err
	}
	return w.visit(Object{URI: name, Size: info.Size, Version: info.Version})
}

// missing tells that there is no such path, nor can be: one that goes on below a file, or a pattern longer than a name.
func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ENAMETOOLONG)
}

// cause leaves out the operation and the path, which the caller names himself.
func cause(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
