package runs

import (
	"bytes"
	"context"
	"sort"

	"github.com/mrctl/mrctl/internal/cuts"
	"github.com/mrctl/mrctl/internal/rows"
)

// An ordered run is of a job whose parts are ordered overall. Where the parts are cut is not known while it is written, so
// it has no partitions: it is a run of many small sections, in the order of their keys, which go on from one to the next
// wherever a section is full. The last section, the directory, is of none of them: it holds the key that each of the others
// begins with, or the first cuts.MaxKey bytes of it, with no value. Whoever reads a range of keys takes the sections that may
// hold some of it, whole, and leaves out at both ends what is not of the range.
//
// The directory counts in neither the rows nor the digest of the run. As no cut is longer than cuts.MaxKey, what it leaves
// out of a key never decides.

// Sections are so small that what a reduce reads beyond its range is little of it, yet not so small that their heads and
// seals count, or that a reader who finds its place reads many names.
const (
	sectionsPerPart = 16
	fewSections     = 256
	manySections    = 4096
	leastSection    = 256 // bytes
)

// sectionSize is how many bytes of packed pairs a section of an ordered run holds about, that has so many and is read by so
// many reduces.
func sectionSize(bytes int64, parts int) int64 {
	return max(bytes/int64(min(max(sectionsPerPart*parts, fewSections), manySections)), leastSection)
}

// Order says how an ordered run is written.
type Order struct {
	Parts int   // how many reduces will read it
	Bytes int64 // of packed pairs, at most: decides the sections
}

// WriteOrdered writes a stream of one partition to an ordered run, and says how its keys are spread. After an error nothing is
// left of it.
func WriteOrdered(ctx context.Context, path string, order Order, o Options, s Stream) (Info, cuts.Sample, error) {
	return writeOrdered(ctx, path, order, o, func(w *orderedWriter) (bool, error) {
		for range 1 << 12 {
			p, err := s.Next()
			if p == nil || err != nil {
				return false, err
			}
			if err := w.append(p); err != nil {
				return false, err
			}
		}
		return true, nil
	})
}

// WriteOrderedPacked is WriteOrdered of packed pairs.
func WriteOrderedPacked(ctx context.Context, path string, order Order, o Options, in Packed) (Info, cuts.Sample, error) {
	return writeOrdered(ctx, path, order, o, func(w *orderedWriter) (bool, error) { return w.gather(in) })
}

// writeOrdered writes what some gives until there is no more.
func writeOrdered(ctx context.Context, path string, order Order, o Options, some func(*orderedWriter) (more bool, err error)) (Info, cuts.Sample, error) {
	w := &orderedWriter{size: sectionSize(order.Bytes, order.Parts)}
	o.Block = int(min(int64(o.block()), w.size))
	var err error
	if w.w, err = Create(path, 1, o); err != nil {
		return Info{}, cuts.Sample{}, err
	}
	for more := true; more; {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		} else {
			more, err = some(w)
		}
		if err != nil {
			w.w.Abort()
			return Info{}, cuts.Sample{}, err
		}
	}
	if err := w.directory(); err != nil {
		w.w.Abort()
		return Info{}, cuts.Sample{}, err
	}
	info, err := w.w.Finish()
	return info, w.sample, err
}

// orderedWriter cuts what it is given into sections.
type orderedWriter struct {
	w      *Writer
	size   int64
	sample cuts.Sample // the directory, and the bytes of each section
}

// full reports that the next pair begins a section.
func (o *orderedWriter) full() bool {
	n := len(o.sample.Bytes)
	return n == 0 || o.sample.Bytes[n-1] >= o.size
}

// begin begins a section. For the digest keys go on from one section to the next.
func (o *orderedWriter) begin() error {
	part, any := len(o.sample.Keys), o.w.any
	o.w.parts = part + 1
	err := o.w.open(part)
	o.w.any = any
	return err
}

// named notes the first key of a section.
func (o *orderedWriter) named(key []byte) {
	o.sample.Keys = append(o.sample.Keys, bytes.Clone(key[:min(len(key), cuts.MaxKey)]))
	o.sample.Bytes = append(o.sample.Bytes, 0)
}

func (o *orderedWriter) took(n int) { o.sample.Bytes[len(o.sample.Bytes)-1] += int64(n) }

func (o *orderedWriter) append(p *Pair) error {
	if o.full() {
		if err := o.begin(); err != nil {
			return err
		}
		o.named(p.Key)
	}
	q := *p
	q.Part = len(o.sample.Keys) - 1
	o.took(rows.PackedSize(p.Key, p.Val))
	return o.w.Append(&q)
}

// gather writes one block.
func (o *orderedWriter) gather(in Packed) (more bool, err error) {
	_, size, ok := in.Peek()
	if !ok {
		return false, nil
	}
	fresh := o.full()
	if fresh {
		if err := o.begin(); err != nil {
			return false, err
		}
	}
	pairs, err := o.w.block(in, size)
	if err != nil {
		return false, err
	}
	if fresh {
		key, _, _ := rows.CutPacked(pairs)
		o.named(key)
	}
	o.took(len(pairs))
	return true, o.w.endBlock()
}

// directory writes the last section.
func (o *orderedWriter) directory() error {
	n := len(o.sample.Keys)
	o.w.parts = n + 1
	if n == 0 {
		return nil
	}
	if err := o.w.open(n); err != nil {
		return err
	}
	o.w.o.Digest = SumNothing
	o.w.total.Rows -= int64(n) // which the end of the section adds
	for _, key := range o.sample.Keys {
		if err := o.w.Append(&Pair{Part: n, Key: key}); err != nil {
			return err
		}
	}
	return nil
}

// Span is a range of keys, from Low on to before High; no High is no end. Part is the partition that it is.
type Span struct {
	Part      int
	Low, High []byte
}

func (s *Span) empty() bool { return s.High != nil && bytes.Compare(s.Low, s.High) >= 0 }

// Span finds the sections of an ordered run that may hold keys of a span. A range of Len 0 holds none. Who reads the range
// gets the pairs of the span alone, as of its partition; its Totals are those of the sections.
func (r *File) Span(s *Span) (Range, error) {
	names, err := r.directory()
	if err != nil {
		return Range{}, err
	}
	from, to := 0, len(names)
	if s.High != nil {
		to = sort.Search(len(names), func(i int) bool { return bytes.Compare(names[i], s.High) >= 0 })
	}
	// The section before the first that begins at Low or above may end in it, or above.
	from = max(sort.Search(len(names), func(i int) bool { return bytes.Compare(names[i], s.Low) >= 0 })-1, 0)
	all := Range{Name: r.path, Path: r.path, Off: int64(len(magic)), Span: s, Last: max(to-1, 0)}
	if s.empty() || from >= to {
		return all, nil
	}
	sections, err := r.sections(from, to)
	if err != nil {
		return Range{}, err
	}
	all.Off = sections[0].Off
	for i, sec := range sections {
		if sec.Off != all.Off+all.Len {
			return Range{}, corrupt(r.path, from+i, -1, "its section begins at byte %d, not %d", sec.Off, all.Off+all.Len)
		}
		all.Len += sec.Len
		all.Totals.add(sec.Totals)
	}
	return all, nil
}

// directory reads the first keys of the sections, once.
func (r *File) directory() ([][]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.names != nil {
		return r.names, nil
	}
	s, err := r.Section(r.parts - 1)
	if err != nil {
		return nil, err
	}
	if s.Rows != int64(r.parts-1) {
		return nil, corrupt(r.path, r.parts-1, -1, "it names %d of %d sections: this is no ordered run", s.Rows, r.parts-1)
	}
	names := make([][]byte, 0, s.Rows)
	s.File = r.src
	m := NewMerge([]Range{s}, nil)
	defer m.Close()
	for {
		p, err := m.Next()
		if err != nil {
			return nil, err
		}
		if p == nil {
			break
		}
		names = append(names, bytes.Clone(p.Key))
	}
	r.names = names
	return names, nil
}

// orderedEnd is how many bytes of the end of an ordered run are read at first: most directories fit.
const orderedEnd = 128 << 10

// OpenOrdered is OpenIndex of an ordered run: it reads, by read, as many bytes of its end as it takes to find spans.
func OpenOrdered(name string, size int64, read func(n int64) ([]byte, error)) (*File, error) {
	n := min(orderedEnd, size)
	for {
		end, err := read(n)
		if err != nil {
			return nil, err
		}
		r := &File{src: tail{bytes.NewReader(end), size - n}, path: name}
		if err := r.readFooter(size); err != nil {
			return nil, err
		}
		need := size - r.at
		if need <= n {
			dir, err := r.Section(r.parts - 1)
			if err != nil {
				return nil, err
			}
			need = max(need, size-dir.Off)
		}
		if need <= n {
			return r, nil
		}
		n = need
	}
}
