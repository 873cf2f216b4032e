package main

import (
	"errors"
	"flag"
	"os"
	"sync"
	"syscall"
	"time"
)

var (
	what = flag.String("harm", "", "fail, die, append, truncate, rewrite, replace or remove: what befalls the map, this process, or -file")
	at   = flag.Int64("at", 1, "after that many records")
	file = flag.String("file", "", "to do harm to; it is once done by all processes together that name the same -once")
	once = flag.String("once", "", "a path where nothing is, which says that it has been done; empty: it is done each time")
)

var seen struct {
	sync.Mutex
	records int64 // guarded by Mutex; of this process
}

// harm counts a record and does what was asked for when its time has come.
func harm() error {
	if *what == "" {
		return nil
	}
	seen.Lock()
	defer seen.Unlock()
	if seen.records++; seen.records != *at {
		return nil
	}
	if *once != "" {
		f, err := os.OpenFile(*once, os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, os.ErrExist) {
			return nil
		}
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	switch *what {
	case "fail":
		return errors.New("it fails as it was asked to")
	case "die":
		return syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	return harmFile(*what, *file)
}

// harmFile changes a file as programs do that know nothing of who reads it.
func harmFile(how, path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	switch how {
	case "remove":
		return os.Remove(path)
	case "truncate":
		return os.Truncate(path, info.Size()/2)
	case "replace": // by another one of the same size, as who writes files well does it
		next := path + ".next"
		if err := os.WriteFile(next, other(int(info.Size())), 0o600); err != nil {
			return err
		}
		return os.Rename(next, path)
	case "rewrite": // the second half, in place, with its time put back
		err = write(path, os.O_WRONLY, info.Size()/2, other(int(info.Size()-info.Size()/2)))
		return errors.Join(err, os.Chtimes(path, time.Time{}, info.ModTime()))
	case "append":
		return write(path, os.O_WRONLY, info.Size(), other(100))
	}
	return errors.New("no such -harm: " + how)
}

func write(path string, flags int, off int64, body []byte) error {
	f, err := os.OpenFile(path, flags, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(body, off)
	return errors.Join(err, f.Close())
}

// other is n bytes of lines that nobody has asked for.
func other(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = "OTHER\n"[i%6]
	}
	return b
}
