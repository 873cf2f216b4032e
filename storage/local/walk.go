package local

import (
	"context"
	"iter"
	"os"
	"slices"
	"strings"

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
	for _, name := range names {
		key := dir + name
		if !strings.HasPrefix(key, w.prefix) && !strings.HasPrefix(w.prefix, key) {
			continue
		}
		if key <= w.after && !(strings.HasSuffix(key, "/") && strings.HasPrefix(w.after, key)) {
			continue
		}
		if strings.HasSuffix(key, "/") {
			if !w.folder(key) {
				return false
			}
		} else if !w.file(key) {
			return false
		}
	}
	return true
}

func (w *walker) file(key string) bool {
	if err := w.ctx.Err(); err != nil {
		w.yield(entry{}, err)
		return false
	}
	if !strings.HasPrefix(key, w.prefix) {
		return true
	}
	st, err := stat(w.root + "/" + key)
	switch {
	case err != nil && absent(err): // gone, or a link to nothing
		return true
	case err != nil:
		w.yield(entry{}, err)
		return false
	case !regular(st): // a link to a folder, a pipe, a device
		return true
	}
	return w.yield(entry{key: key, st: st}, nil)
}
