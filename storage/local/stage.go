package local

import (
	"bufio"
	"context"
	"errors"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/internal/token"
)

// staged is what a token says. The version is that of the temporary file, and will be that of the published one.
type staged struct {
	Key     string          `json:"k"`
	ID      string          `json:"i"`
	Version storage.Version `json:"v"`
}

// Create implements storage.Store.
func (s *Store) Create(ctx context.Context, key string, meta map[string]string) (storage.Writer, error) {
	err := check(ctx, key)
	if err == nil {
		err = storage.CheckMeta(meta)
	}
	if err == nil {
		err = s.makeParents(s.path(key))
	}
	if err != nil {
		return nil, storage.Fail("create", key, err)
	}
	f, err := newTemp(s.path(key))
	if err != nil {
		return nil, storage.Fail("create", key, err)
	}
	if err := setMeta(f, meta); err != nil {
		return nil, storage.Fail("create", key, errors.Join(err, f.Close(), os.Remove(f.Name())))
	}
	return &writer{store: s, ctx: ctx, key: key, f: f, buf: bufio.NewWriterSize(f, 64<<10)}, nil
}

type writer struct {
	store *Store
	ctx   context.Context // the one given to Create governs the writes
	key   string
	f     *os.File
	buf   *bufio.Writer
	over  bool // staged or aborted
}

func (w *writer) Write(p []byte) (int, error) {
	if w.over {
		return 0, storage.Fail("write", w.key, errs.New(errs.Invalid, "the stream has ended"))
	}
	if err := w.ctx.Err(); err != nil {
		return 0, storage.Fail("write", w.key, err)
	}
	n, err := w.buf.Write(p)
	return n, storage.Fail("write", w.key, err)
}

// Stage implements storage.Writer.
func (w *writer) Stage(ctx context.Context) (storage.Token, error) {
	if w.over {
		return "", storage.Fail("stage", w.key, errs.New(errs.Invalid, "the stream has ended"))
	}
	t, err := w.stage(ctx)
	if err != nil {
		return "", storage.Fail("stage", w.key, errors.Join(err, w.Abort()))
	}
	w.over = true
	return t, nil
}

func (w *writer) stage(ctx context.Context) (storage.Token, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if err := w.buf.Flush(); err != nil {
		return "", err
	}
	st, err := w.store.seal(w.f, time.Time{})
	if err != nil {
		if absent(err) { // a sweeper took it in mid-stream
			err = storage.ErrNotExist
		}
		return "", err
	}
	if err := w.store.settle(w.f.Name()); err != nil {
		return "", err
	}
	if err := w.f.Close(); err != nil {
		return "", err
	}
	id, _ := idOf(w.store.path(w.key), filepath.Base(w.f.Name()))
	return token.Encode("local", staged{Key: w.key, ID: id, Version: versionOf(st)})
}

// Abort implements storage.Writer.
func (w *writer) Abort() error {
	if w.over {
		return nil
	}
	w.over = true
	w.f.Close() // what could be lost by this is removed next
	return storage.Fail("abort", w.key, remove(w.f.Name()))
}

// Publish implements storage.Store.
func (s *Store) Publish(ctx context.Context, t storage.Token) (storage.Info, error) {
	var g staged
	if err := s.decode(ctx, t, &g); err != nil {
		return storage.Info{}, storage.Fail("publish", g.Key, err)
	}
	path := s.path(g.Key)
	temp := tempName(path, g.ID)
	if err := s.link(temp, path, g.Version); err != nil {
		return storage.Info{}, storage.Fail("publish", g.Key, err)
	}
	if err := s.settle(path); err != nil {
		return storage.Info{}, storage.Fail("publish", g.Key, err)
	}
	if err := remove(temp); err != nil {
		return storage.Info{}, storage.Fail("publish", g.Key, storage.Unknown(err))
	}
	info, err := s.Stat(ctx, g.Key)
	if err != nil {
		err = storage.Unknown(err) // it is there, or was and has been deleted
	}
	return info, storage.Fail("publish", g.Key, err)
}

// link brings the staged file to path, or finds that it is there already.
func (s *Store) link(temp, path string, v storage.Version) error {
	st, err := stat(temp)
	if err == nil && versionOf(st) == v {
		err = os.Link(temp, path)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) && !absent(err) {
		return err
	}
	switch st, err = stat(path); {
	case err != nil && absent(err):
		return storage.ErrNotExist
	case err != nil:
		return err
	case isFolder(st):
		return errs.New(errs.Invalid, "is a folder of other keys")
	case versionOf(st) != v:
		return storage.ErrPrecondition
	}
	return nil
}

// Discard implements storage.Store.
func (s *Store) Discard(ctx context.Context, t storage.Token) error {
	var g staged
	err := s.decode(ctx, t, &g)
	if err == nil {
		err = remove(tempName(s.path(g.Key), g.ID))
	}
	return storage.Fail("discard", g.Key, err)
}

// PendingOf implements storage.Sweeper. Temporary files of records that a dead process did not finish are among them.
func (s *Store) PendingOf(ctx context.Context, key string) ([]storage.Pending, error) {
	if err := check(ctx, key); err != nil {
		return nil, storage.Fail("pending", key, err)
	}
	path := s.path(key)
	list, err := os.ReadDir(filepath.Dir(path))
	if err != nil && !absent(err) {
		return nil, storage.Fail("pending", key, err)
	}
	var found []storage.Pending
	for _, e := range list {
		id, ok := idOf(path, e.Name())
		if !ok {
			continue
		}
		st, err := stat(tempName(path, id))
		if err != nil {
			if absent(err) {
				continue
			}
			return nil, storage.Fail("pending", key, err)
		}
		t, err := token.Encode("local", staged{Key: key, ID: id, Version: versionOf(st)})
		if err != nil {
			return nil, storage.Fail("pending", key, err)
		}
		found = append(found, storage.Pending{Key: key, Token: t, Started: mtime(st)})
	}
	return found, nil
}

// Temporary implements storage.Litter.
func (s *Store) Temporary(ctx context.Context) iter.Seq2[storage.Pending, error] {
	ours := func(name string) bool { return strings.HasPrefix(name, ".") && !strings.HasPrefix(name, tempPrefix) }
	return func(yield func(storage.Pending, error) bool) {
		for e, err := range walk(ctx, s.root, "", "", ours) {
			if err != nil {
				yield(storage.Pending{}, storage.Fail("walk", "", err))
				return
			}
			dir, name := path.Split(e.key)
			name, temporary := strings.CutPrefix(name, tempPrefix)
			at := len(name) - token.IDLen - 1
			if !temporary || at < 1 || name[at] != '-' || storage.CheckKey(dir+name[:at]) != nil {
				continue
			}
			g := staged{Key: dir + name[:at], ID: name[at+1:], Version: versionOf(e.st)}
			t, err := token.Encode("local", g)
			if !yield(storage.Pending{Key: g.Key, Token: t, Started: mtime(e.st), Size: e.st.Size}, err) || err != nil {
				return
			}
		}
	}
}

// decode reads a token and trusts nothing in it: it may come from another process.
func (s *Store) decode(ctx context.Context, t storage.Token, g *staged) error {
	if err := token.Decode("local", t, g); err != nil {
		return err
	}
	if len(g.ID) != token.IDLen || strings.Contains(g.ID, "/") || storage.CheckKey(g.ID) != nil {
		return errs.New(errs.Invalid, "damaged token of a local store")
	}
	return check(ctx, g.Key)
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !absent(err) {
		return err
	}
	return nil
}
