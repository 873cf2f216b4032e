package shuffle

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/mrctl/mrctl/internal/budget"
	"github.com/mrctl/mrctl/worker/runs"
)

// landing takes one section as it comes, to memory or to scratch, and checks it on the way.
type landing struct {
	name   string
	length int64
	at     int64 // bytes landed

	memory *budget.Budget
	mem    []byte // nil: in the file
	file   *scratchFile
	off    int64 // in the file

	verify *runs.Verifier
}

func newLanding(p *producer, length int64) *landing {
	name := fmt.Sprintf("run of map task %d, attempt %d from worker %s", p.src.GetTasks()[p.cur], p.src.GetAttempts()[p.cur], p.src.GetWorker())
	l := &landing{name: name, length: length, memory: p.f.req.Memory, file: &p.dir, off: p.dir.at}
	l.verify = runs.NewVerifier(name, int(p.f.req.Partition))
	if p.f.req.Memory.Try(length) {
		l.mem = make([]byte, 0, length)
	}
	return l
}

// write lands the next bytes. Corrupt means that the producer's bytes are bad; fatal that the scratch is.
func (l *landing) write(b []byte) error {
	if l.mem != nil {
		l.mem = append(l.mem, b...)
	} else if err := l.file.write(b); err != nil {
		return fatal{err}
	}
	l.at += int64(len(b))
	_, err := l.verify.Write(b)
	return err
}

// finish gives the section, whole and checked.
func (l *landing) finish() (runs.Range, error) {
	r := runs.Range{Name: l.name, Len: l.length, Mem: l.mem, Done: l.drop}
	if l.length > 0 {
		totals, err := l.verify.Close()
		if err != nil {
			return runs.Range{}, err
		}
		r.Totals = totals
	}
	if l.mem == nil {
		r.Path, r.Off = l.file.path(), l.off
	}
	return r, nil
}

// drop gives the memory back. Idempotent. What lies in the file goes with the scratch.
func (l *landing) drop() {
	if l.mem != nil {
		l.memory.Give(l.length)
		l.mem = nil
	}
}

// scratchFile is where the sections of one producer land that memory has no room for, one after the other.
type scratchFile struct {
	dir, name string
	f         *os.File
	at        int64
}

func (s *scratchFile) path() string { return filepath.Join(s.dir, s.name) }

func (s *scratchFile) write(b []byte) error {
	if s.f == nil {
		if err := os.MkdirAll(s.dir, 0o700); err != nil {
			return runs.DiskError("make scratch", s.dir, err)
		}
		f, err := os.Create(s.path())
		if err != nil {
			return runs.DiskError("create", s.path(), err)
		}
		s.f = f
	}
	n, err := s.f.Write(b)
	s.at += int64(n)
	if err != nil {
		return runs.DiskError("write", s.path(), err)
	}
	return nil
}

func (s *scratchFile) close() error {
	if s.f == nil {
		return nil
	}
	if err := s.f.Close(); err != nil {
		return runs.DiskError("close", s.path(), err)
	}
	return nil
}
