package runs

import (
	queue "container/list"
	"path/filepath"
	"strings"
	"sync"
)

// Shelf keeps run files open from one section to the next. Each reduce wants one section of every run: for small ones
// opening the file, twice, and checking it costs more than reading it. A nil *Shelf keeps nothing. It is safe for
// concurrent use.
type Shelf struct {
	most int

	mu    sync.Mutex
	files map[string]*shelved // guarded by mu
	idle  queue.List          // of *shelved without readers, the one longest so first; guarded by mu
}

// shelved is an open file. The shelf's lock guards all of it but file, which never changes.
type shelved struct {
	file    *File
	readers int
	idle    *queue.Element // while there are none
	dropped bool           // to be closed after the last reader
}

// NewShelf makes a shelf for at most so many files.
func NewShelf(most int) *Shelf { return &Shelf{most: most, files: map[string]*shelved{}} }

// Section finds the range of one partition of the run at path, to be read through a file that is kept open where
// there is room for it. A range with a Done must be read, or given up by calling it.
func (s *Shelf) Section(path string, part int) (Range, error) {
	return s.find(path, func(f *File) (Range, error) { return f.Section(part) })
}

// Span is Section of a span of the ordered run at path.
func (s *Shelf) Span(path string, span *Span) (Range, error) {
	return s.find(path, func(f *File) (Range, error) { return f.Span(span) })
}

// find gives the range that in finds in the run at path.
func (s *Shelf) find(path string, in func(*File) (Range, error)) (Range, error) {
	if f := s.there(path); f != nil {
		return s.within(f, in)
	}
	file, err := Open(path)
	if err != nil {
		return Range{}, err
	}
	if f := s.put(file); f != nil {
		return s.within(f, in)
	}
	defer file.Close() // only read
	return in(file)
}

// there gives the open file at path one reader more; nil if there is none.
func (s *Shelf) there(path string) *shelved {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.files[path]
	if f != nil {
		s.hold(f)
	}
	return f
}

// put takes a file over, with a first reader. nil: there is no room, and the file remains the caller's.
func (s *Shelf) put(file *File) *shelved {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.files[file.path]; f != nil { // somebody was faster
		s.hold(f)
		file.Close() // only read
		return f
	}
	if len(s.files) >= s.most {
		oldest := s.idle.Front()
		if oldest == nil {
			return nil
		}
		s.remove(oldest.Value.(*shelved))
	}
	f := &shelved{file: file, readers: 1}
	s.files[file.path] = f
	return f
}

// within is a range of a file; f's present reader is whoever gets it.
func (s *Shelf) within(f *shelved, in func(*File) (Range, error)) (Range, error) {
	r, err := in(f.file)
	if err != nil {
		s.release(f)
		return Range{}, err
	}
	r.File, r.Done = f.file.f, func() { s.release(f) }
	return r, nil
}

// hold adds a reader. The caller holds mu.
func (s *Shelf) hold(f *shelved) {
	f.readers++
	if f.idle != nil {
		s.idle.Remove(f.idle)
		f.idle = nil
	}
}

func (s *Shelf) release(f *shelved) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.readers--
	switch {
	case f.readers > 0:
	case f.dropped:
		f.file.Close() // only read
	default:
		f.idle = s.idle.PushBack(f)
	}
}

// remove takes a file off the shelf and closes it when nobody reads it. The caller holds mu.
func (s *Shelf) remove(f *shelved) {
	delete(s.files, f.file.path)
	if f.idle == nil {
		f.dropped = true
		return
	}
	s.idle.Remove(f.idle)
	f.file.Close() // only read
}

// Drop closes the files below a folder as soon as nobody reads them: an open file takes room on the disk even when it is
// deleted.
func (s *Shelf) Drop(folder string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for path, f := range s.files {
		if strings.HasPrefix(path, folder+string(filepath.Separator)) {
			s.remove(f)
		}
	}
}
