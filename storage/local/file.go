package local

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/internal/token"
)

const (
	tempPrefix = ".mrctl-"
	metaAttr   = "user.mrctl.meta"
	tick       = time.Microsecond // the unit of the time stamps we set: finer than any two writes, kept by most file systems
)

// tempName is where the object at path is written before it is one.
func tempName(path, id string) string {
	return filepath.Dir(path) + "/" + tempPrefix + filepath.Base(path) + "-" + id
}

// idOf undoes tempName for one entry of path's folder.
func idOf(path, name string) (id string, ok bool) {
	rest, ok := strings.CutPrefix(name, tempPrefix+filepath.Base(path)+"-")
	return rest, ok && len(rest) == token.IDLen
}

func newTemp(path string) (*os.File, error) {
	return os.OpenFile(tempName(path, token.NewID()), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
}

// drift is how far this process's clock and the file system's may be apart before the latter counts. A file may have been
// written to a while before it is sealed.
const drift = time.Minute

// stampOf is now, unless the file system, when it last wrote, had quite another time: ages that gc goes by are by one clock,
// whoever wrote. The fraction stays ours, for the file system's clock may tick slowly and stamps are to differ.
func stampOf(now, written time.Time) time.Time {
	if d := now.Sub(written); d.Abs() > drift {
		now = written.Truncate(time.Second).Add(time.Duration(now.Nanosecond()))
	}
	return now.Truncate(tick)
}

// seal gives f its last time stamp, now but later than after, and syncs it. From then on it is never written to.
func (s *Store) seal(f *os.File, after time.Time) (unix.Stat_t, error) {
	st, err := fstat(f)
	if err != nil {
		return st, err
	}
	stamp := stampOf(time.Now(), mtime(st))
	if !stamp.After(after) {
		stamp = after.Truncate(tick).Add(tick)
	}
	if err := os.Chtimes(f.Name(), time.Time{}, stamp); err != nil {
		return unix.Stat_t{}, err
	}
	if !s.opts.NoSync {
		if err := f.Sync(); err != nil {
			return unix.Stat_t{}, err
		}
	}
	st, err = fstat(f)
	if err == nil && st.Mtim.Nano() != stamp.UnixNano() {
		err = errs.New(errs.Invalid, "the file system keeps time stamps too coarse to tell versions apart")
	}
	return st, err
}

func versionOf(st unix.Stat_t) storage.Version {
	return storage.Version(stamps(st.Ino, uint64(st.Size), uint64(st.Mtim.Nano())))
}

// stamps joins numbers in hexadecimal, as fmt does several times slower: a list of inputs makes one of each.
func stamps(parts ...uint64) string {
	var buf [4 * 17]byte
	b := buf[:0]
	for i, n := range parts {
		if i > 0 {
			b = append(b, '-')
		}
		b = strconv.AppendUint(b, n, 16)
	}
	return string(b)
}

func infoOf(key string, st unix.Stat_t) storage.Info {
	return storage.Info{Key: key, Size: st.Size, Version: versionOf(st), ModTime: time.Unix(0, st.Mtim.Nano())}
}

func mtime(st unix.Stat_t) time.Time { return time.Unix(0, st.Mtim.Nano()) }
func regular(st unix.Stat_t) bool    { return uint32(st.Mode)&unix.S_IFMT == unix.S_IFREG }
func isFolder(st unix.Stat_t) bool   { return uint32(st.Mode)&unix.S_IFMT == unix.S_IFDIR }

func stat(path string) (st unix.Stat_t, err error) {
	if err = retryEINTR(func() error { return unix.Stat(path, &st) }); err != nil {
		err = &os.PathError{Op: "stat", Path: path, Err: err}
	}
	return st, err
}

func fstat(f *os.File) (st unix.Stat_t, err error) {
	if err = retryEINTR(func() error { return unix.Fstat(int(f.Fd()), &st) }); err != nil {
		err = &os.PathError{Op: "stat", Path: f.Name(), Err: err}
	}
	return st, err
}

func retryEINTR(f func() error) error {
	for {
		if err := f(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// blocked says that a file stands where a folder should be, or that the path cannot exist at all.
func blocked(err error) bool {
	return errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ENAMETOOLONG) || errors.Is(err, unix.ELOOP)
}

func setMeta(f *os.File, meta map[string]string) error {
	if len(meta) == 0 {
		return nil
	}
	b, err := json.Marshal(meta)
	if err != nil {
		return err
	}
	err = unix.Fsetxattr(int(f.Fd()), metaAttr, b, 0)
	if errors.Is(err, unix.ENOTSUP) {
		return nil // the package comment says so
	}
	return err
}

func getMeta(f *os.File) (map[string]string, error) {
	n, err := unix.Fgetxattr(int(f.Fd()), metaAttr, nil)
	if err != nil || n == 0 {
		return nil, nil // a record, or a file system without attributes
	}
	b := make([]byte, n)
	n, err = unix.Fgetxattr(int(f.Fd()), metaAttr, b)
	if err != nil {
		return nil, err
	}
	var meta map[string]string
	err = json.Unmarshal(b[:n], &meta)
	return meta, err
}
