package local

import (
	"context"
	"iter"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// entry is a regular file below the root of a walk.
type entry struct {
	key string // path below the root
	st  unix.Stat_t
}

// walk yields the files below root whose keys begin with prefix and come after after, in byte order of their keys.
// Entries whose name is hidden are left out, folders with all they hold. Links to files are followed, links to folders
// are not, except on the way to prefix: those the user named himself. It stops at the first error.
func walk(ctx context.Context, root, prefix, after string, hidden func(name string) bool) iter.Seq2[entry, error] {
	return func(yield func(entry, error) bool) {
		base := prefix[:strings.LastIndexByte(prefix, '/')+1]
		if base != "" && !clean(base[:len(base)-1]) {
			return // nothing in a folder is called so
		}
		w := walker{ctx: ctx, root: root, prefix: prefix, after: after, hidden: hidden, yield: yield}
		w.folder(base)
	}
}

type walker struct {
	ctx                 context.Context
	root, prefix, after string
	hidden              func(string) bool
	yield               func(entry, error) bool
}

// folder walks dir, a key that ends in a slash, or "" for the root. It returns false when the walk is over.
func (w *walker) folder(dir string) bool {
	if err := w.ctx.Err(); err != nil {
		w.yield(entry{}, err)
		return false
	}
	list, err := os.ReadDir(w.root + "/" + dir)
	if err != nil {
		if absent(err) { // it has gone since its parent was read
			return true
		}
		w.yield(entry{}, err)
		return false
	}
	// A folder's files sort among its neighbours as its name and a slash do: a-b before a/b before ab.
	names := make([]string, 0, len(list))
	for _, e := range list {
		name := e.Name()
		if w.hidden(name) {
			continue
		}
		if e.IsDir() {
			name += "/"
		}
		names = append(names, name)
	}
	slices.Sort(names)
	names = slices.DeleteFunc(names, func(name string) bool {
		key := dir + name
		below := strings.HasSuffix(key, "/")
		return !strings.HasPrefix(key, w.prefix) && !(below && strings.HasPrefix(w.prefix, key)) ||
			key <= w.after && !(below && strings.HasPrefix(w.after, key))
	})
	for some := range slices.Chunk(names, block) {
		found := w.stat(dir, some)
		for i, name := range some {
			if strings.HasSuffix(name, "/") {
				if !w.folder(dir + name) {
					return false
				}
			} else if !w.file(dir+name, found[i]) {
				return false
			}
		}
	}
	return true
}

// Files are looked at in blocks, by several threads where a block has enough for each: a folder of many small inputs is
// otherwise walked no faster than one core can ask.
const (
	block  = 1024
	enough = 128
)

type look struct {
	st  unix.Stat_t
	err error
}

// stat looks at the files among names in dir.
func (w *walker) stat(dir string, names []string) []look {
	found := make([]look, len(names))
	threads := min(runtime.GOMAXPROCS(0), max(1, len(names)/enough))
	var all sync.WaitGroup
	for t := range threads {
		part := func() {
			for i := t * len(names) / threads; i < (t+1)*len(names)/threads; i++ {
				if !strings.HasSuffix(names[i], "/") && w.ctx.Err() == nil {
					found[i].st, found[i].err = stat(w.root + "/" + dir + names[i])
				}
			}
		}
		if t == threads-1 {
			part()
		} else {
			all.Go(part)
		}
	}
	all.Wait()
	return found
}

func (w *walker) file(key string, found look) bool {
	if err := w.ctx.Err(); err != nil {
		w.yield(entry{}, err)
		return false
	}
	switch err := found.err; {
	case err != nil && absent(err): // gone, or a link to nothing
		return true
	case err != nil:
		w.yield(entry{}, err)
		return false
	case !regular(found.st): // a link to a folder, a pipe, a device
		return true
	}
	return w.yield(entry{key: key, st: found.st}, nil)
}
