package shuffle

import (
	"errors"
	"fmt"
	"math"
	"os"

	"google.golang.org/grpc/mem"

	shufflev1 "github.com/mrctl/mrctl/api/shuffle/v1"
	"github.com/mrctl/mrctl/internal/budget"
	"github.com/mrctl/mrctl/internal/errs"
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
	span   *runs.Span // as in Request
}

func newLanding(from *lane, length int64) *landing {
	name := fmt.Sprintf("run of map task %d, attempt %d from worker %s", from.src.GetTasks()[from.cur], from.src.GetAttempts()[from.cur], from.src.GetWorker())
	l := &landing{name: name, length: length, memory: from.f.req.Memory, file: &from.dir, off: from.dir.at}
	if l.span = from.f.req.Span; l.span != nil {
		l.verify = runs.NewSpanVerifier(name)
	} else {
		l.verify = runs.NewVerifier(name, int(from.f.req.Partition))
	}
	if l.memory.Try(length) {
		l.mem = make([]byte, 0, length)
	}
	return l
}

// maxDamaged is how often a run may come damaged before it is its producer's own bytes that are bad, not the way here.
const maxDamaged = 2

// take lands one frame of the present run.
func (l *lane) take(m *shufflev1.FetchResponse, body mem.BufferSlice) error {
	if l.land == nil {
		if m.GetRangeLength() > math.MaxInt64 {
			return errs.New(errs.Corrupt, "a run of %d bytes", m.GetRangeLength())
		}
		l.land = newLanding(l, int64(m.GetRangeLength()))
	}
	to, size := l.land, body.Len()
	if n := m.GetRangeLength(); n != 0 && n != uint64(to.length) {
		why := fmt.Sprintf("its length changed from %d to %d bytes", to.length, n)
		return errs.E(errs.Corrupt, "fetch", "", &runs.CorruptError{Name: to.name, Partition: int(l.f.req.Partition), Block: -1, Why: why})
	}
	if m.GetAt() != uint64(to.at) || to.at+int64(size) > to.length || m.GetEnd() != (to.at+int64(size) == to.length) {
		return errs.New(errs.Corrupt, "a frame of bytes %d+%d (end: %v) of a run of %d where %d was due", m.GetAt(), size, m.GetEnd(), to.length, to.at)
	}
	for _, b := range body {
		if err := to.write(b.ReadOnlyData()); err != nil {
			return err
		}
	}
	l.moved = l.moved || size > 0
	l.f.received(size, to.mem == nil)
	if !m.GetEnd() {
		return nil
	}
	r, err := to.finish()
	if err != nil {
		return err
	}
	l.f.landed(Landed{Worker: l.src.GetWorker(), Task: l.src.GetTasks()[l.cur], Attempt: l.src.GetAttempts()[l.cur], Range: r})
	l.land = nil
	l.cur++
	l.damaged, l.moved = 0, true
	return nil
}

// refuse looks at why the present run could not land. A run that is not what was written is fetched again from its
// first byte, as it may have been damaged on the way; one that comes so again is given up, which true says.
func (l *lane) refuse(err error) bool {
	var damage *runs.CorruptError
	if !errors.As(err, &damage) {
		return false
	}
	l.drop()
	if l.damaged++; l.damaged < maxDamaged {
		return false
	}
	l.lose(err.Error())
	return true
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
	r := runs.Range{Name: l.name, Len: l.length, Mem: l.mem, Span: l.span, Last: l.verify.Last(), Done: l.drop}
	if l.length > 0 {
		totals, err := l.verify.Close()
		if err != nil {
			return runs.Range{}, err
		}
		r.Totals = totals
	}
	if l.mem == nil {
		r.Off = l.off
		if l.length > 0 {
			r.Path = l.file.f.Name()
		}
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

// scratchFile is where the sections of one lane land that memory has no room for, one after the other.
type scratchFile struct {
	dir string
	f   *os.File // nil until something lands
	at  int64
}

func (s *scratchFile) write(b []byte) error {
	if s.f == nil {
		if err := os.MkdirAll(s.dir, 0o700); err != nil {
			return runs.DiskError("make scratch", s.dir, err)
		}
		f, err := os.CreateTemp(s.dir, "fetch-") // a reduce may fetch more than once
		if err != nil {
			return runs.DiskError("create in", s.dir, err)
		}
		s.f = f
	}
	n, err := s.f.Write(b)
	s.at += int64(n)
	if err != nil {
		return runs.DiskError("write", s.f.Name(), err)
	}
	return nil
}

func (s *scratchFile) close() error {
	if s.f == nil {
		return nil
	}
	if err := s.f.Close(); err != nil {
		return runs.DiskError("close", s.f.Name(), err)
	}
	return nil
}
