// Package pluginhost runs the user's code: it fetches a plugin by the sha256 of its bytes, starts it as a process of its
// own for one job, and opens a stream to it for each attempt.
//
// What a plugin gets is little: an empty environment but for what the handshake needs, a scratch folder to stand in, no
// standard input, no credentials. What it writes to standard error is kept. It never outlives its worker: the kernel
// kills it when the thread that started it ends (Pdeathsig), and it watches a pipe whose other end closes with the
// worker. Its end is told apart from everything else that can go wrong on a stream in one place, (*Process).explain.
package pluginhost

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.uber.org/zap"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/internal/tempdir"
	"github.com/mrctl/mrctl/storage"
)

// DefaultStartTimeout is how long a plugin may take from its start to its first answer.
const DefaultStartTimeout = 20 * time.Second

// Config is what a Host is made of.
type Config struct {
	Dir          string        // binaries are kept here, read-only; made when needed
	Store        storage.Store // where they come from; not needed for binaries given by path
	Ready        *Ready        // what needs not be fetched, or not even started; nil: nothing
	StartTimeout time.Duration // 0: DefaultStartTimeout
	Log          *zap.Logger   // nil: no log
}

// Host starts plugins. It is safe for concurrent use.
type Host struct {
	cfg Config

	mu       sync.Mutex
	verified map[string]identity // guarded by mu; by digest: the file whose bytes were checked
}

// identity tells a file that was checked from one that has been put in its place.
type identity struct {
	dev, ino           uint64
	size, mod, changed int64
}

// New makes a Host.
func New(cfg Config) *Host {
	if cfg.StartTimeout == 0 {
		cfg.StartTimeout = DefaultStartTimeout
	}
	if cfg.Log == nil {
		cfg.Log = zap.NewNop()
	}
	return &Host{cfg: cfg, verified: map[string]identity{}}
}

// Fetch gives the path of the plugin with a digest (sha256 in hex), getting it from the store if it is not here. The
// bytes are checked when they come, and again if the file is not the one that was checked. A plugin that is not in the
// store is errs.NotFound, other bytes than the digest's are errs.Corrupt.
func (h *Host) Fetch(ctx context.Context, digest string) (string, error) {
	if path, ok := h.cfg.Ready.path(digest); ok {
		return path, nil
	}
	path := filepath.Join(h.cfg.Dir, digest)
	h.mu.Lock()
	defer h.mu.Unlock() // one download at a time: workers need one plugin a job
	if st, err := os.Stat(path); err == nil {
		if h.verified[digest] == identityOf(st) {
			return path, nil
		}
		if err := h.verify(path, digest); err == nil {
			return path, nil
		}
	}
	if err := h.download(ctx, path, digest); err != nil {
		return "", fmt.Errorf("fetch plugin %s: %w", short(digest), err)
	}
	return path, nil
}

func (h *Host) verify(path, digest string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // read only
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return err
	}
	return h.remember(path, digest, sum.Sum(nil))
}

func (h *Host) remember(path, digest string, sum []byte) error {
	if got := hex.EncodeToString(sum); got != digest {
		return errs.New(errs.Corrupt, "its bytes have the sha256 %s", short(got))
	}
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	h.verified[digest] = identityOf(st)
	return nil
}

func (h *Host) download(ctx context.Context, path, digest string) (err error) {
	r, _, err := h.cfg.Store.Open(ctx, ledger.PluginKey(digest), 0, -1)
	if err != nil {
		kind := errs.KindOf(err)
		if errors.Is(err, storage.ErrNotExist) {
			kind = errs.NotFound
		}
		return errs.E(kind, "", "", err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if err := os.MkdirAll(h.cfg.Dir, 0o700); err != nil {
		return errs.E(errs.Unavailable, "", "", err)
	}
	f, err := os.CreateTemp(h.cfg.Dir, ".fetch-")
	if err != nil {
		return errs.E(errs.Unavailable, "", "", err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already when all is well
	sum := sha256.New()
	_, err = io.Copy(io.MultiWriter(f, sum), r)
	if err = errors.Join(err, f.Chmod(0o500), f.Close()); err != nil {
		return errs.E(errs.Unavailable, "", "", err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return errs.E(errs.Unavailable, "", "", err)
	}
	if err := h.remember(path, digest, sum.Sum(nil)); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

func short(digest string) string { return digest[:min(12, len(digest))] }

// DescribeBinary starts a plugin just to ask what it is, with its flags. Flags it finds fault with are no error here: the
// answer has Invalid set.
func DescribeBinary(ctx context.Context, path string, args []string) (*pluginv1.DescribeResponse, error) {
	scratch, err := tempdir.Make("", tempdir.Work)
	if err != nil {
		return nil, errs.E(errs.Unavailable, "describe plugin", path, err)
	}
	defer func() { _ = scratch.Remove() }() // a temporary folder
	p, err := New(Config{Dir: scratch.Path}).Open(ctx, Spec{Job: "describe", Path: path, Args: args, Scratch: scratch.Path})
	if err != nil {
		return nil, err
	}
	about := p.Describe()
	return about, p.Close()
}
