package streaming

import (
	"context"
	"errors"
	"fmt"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/rows"
)

// Map runs a map attempt.
func (p *program) Map(ctx context.Context, start *pluginv1.MapStart, port boundary.MapPort) (_ *pluginv1.Counters, err error) {
	a, err := p.begin(ctx, start.GetId(), "map", start.GetPartitions())
	if err != nil {
		return nil, err
	}
	defer a.end()
	in := &mapPort{MapPort: port}
	if p.Config.Map != "" {
		f := p.framing()
		if p.MapOnly {
			f = p.rowFraming()
		}
		c, err := a.start("map", p.Config.Map, f, port.Batch())
		if err != nil {
			return nil, err
		}
		defer c.stop()
		in.filter = &filter{pump: pump{ctx: ctx, c: c, fetch: in.fetch}, f: f, whole: p.MapOnly && !p.Columns}
	}
	var to boundary.MapPort = in
	var between *combiner
	if p.Combine != "" {
		between = newCombiner(a, in, start.GetMemory())
		to = between
	}
	counters, err := p.inner.Map(ctx, start, to)
	if err == nil && between != nil {
		err = between.flush()
	}
	if err != nil {
		return nil, in.place(err)
	}
	if in.filter != nil {
		a.finish(in.filter.pump.c)
	}
	if counters.User == nil {
		counters.User = map[string]int64{}
	}
	for name, n := range a.user {
		counters.User[name] += n
	}
	counters.RecordsIn = in.records
	return counters, nil
}

// mapPort is the port that the SDK's map works with: its records are the units that the map command wrote, or, where there
// is none, the worker's lines with what they end in.
type mapPort struct {
	boundary.MapPort
	filter  *filter // nil: no command
	records uint64  // that the worker sent
	number  uint64  // of the next batch
}

// filter is a map command and what it wrote.
type filter struct {
	pump  pump
	f     framing
	whole bool // units keep their ends, or lengths: they are rows of records
	b     rows.Records
}

// Recv is Lend: the job's function takes bytes.
func (m *mapPort) Recv() (*boundary.Input, error) { return m.Lend() }

// Lend gives the next batch.
func (m *mapPort) Lend() (*boundary.Input, error) {
	if m.filter == nil {
		in, err := m.MapPort.Lend()
		if err != nil {
			return nil, err
		}
		m.records += uint64(in.Len())
		return &boundary.Input{Number: in.Number, Records: bare(&in.Records)}, nil
	}
	units, err := m.filter.pump.output()
	if err != nil {
		return nil, err
	}
	m.number++
	return &boundary.Input{Number: m.number - 1, Records: m.filter.records(units)}, nil
}

// Progress tells how many of the worker's records are done, as far as can be known: the SDK counts other ones.
func (m *mapPort) Progress(uint64) error { return m.MapPort.Progress(m.records) }

// fetch gives the next records as the map command reads them. It runs in the attempt's goroutine, as all of the port.
func (m *mapPort) fetch() ([]byte, error) {
	if m.records > 0 { // the command has read what came before
		if err := m.MapPort.Progress(m.records); err != nil {
			return nil, err
		}
	}
	in, err := m.MapPort.Recv() // its memory never changes: the command may read it when it likes
	if err != nil {
		return nil, err
	}
	n := in.Len()
	m.records += uint64(n)
	if _, framed := m.filter.f.(frames); !framed && in.Terminated && wholeLines(&in.Records) {
		return in.Data[in.Off[0]:in.Off[n]], nil
	}
	buf := make([]byte, 0, len(in.Data)+4*n)
	for i := range n {
		rec := in.Data[in.Off[i]:in.Off[i+1]]
		if _, framed := m.filter.f.(frames); framed {
			rec = unterminated(&in.Records, i)
		}
		buf = m.filter.f.record(buf, rec)
	}
	return buf, nil
}

// wholeLines says that every row ends with a line end: the last lines of files may not.
func wholeLines(r *rows.Records) bool {
	for i := range r.Len() {
		if end := r.Off[i+1]; end == r.Off[i] || r.Data[end-1] != '\n' {
			return false
		}
	}
	return true
}

// unterminated is row i without its line end, if it is a line.
func unterminated(r *rows.Records, i int) []byte {
	b := r.Data[r.Off[i]:r.Off[i+1]]
	if n := len(b); r.Terminated && n > 0 && b[n-1] == '\n' {
		b = b[:n-1]
	}
	return b
}

// bare is the rows without their line ends, in memory of their own. A carriage return stays: to a command it is a byte like
// others, and so it is here.
func bare(r *rows.Records) rows.Records {
	out := rows.Records{Data: make([]byte, 0, len(r.Data)), Off: make([]int32, 1, len(r.Off))}
	for i := range r.Len() {
		out.Data = append(out.Data, unterminated(r, i)...)
		out.Off = append(out.Off, int32(len(out.Data)))
	}
	return out
}

// records makes a batch of units. It is valid until the next call.
func (f *filter) records(units []byte) rows.Records {
	b := &f.b
	b.Data, b.Off = b.Data[:0], append(b.Off[:0], 0)
	for len(units) > 0 {
		unit, n := f.f.cut(units)
		if f.whole {
			unit = units[:n]
		}
		b.Data = append(b.Data, unit...)
		b.Off = append(b.Off, int32(len(b.Data)))
		units = units[n:]
	}
	return *b
}

// place takes the place from a failure that names one: among what a command wrote, it is none that the worker knows.
func (m *mapPort) place(err error) error {
	var f *boundary.Failure
	if m.filter == nil || !errors.As(err, &f) || !f.HasRecord {
		return err
	}
	return &boundary.Failure{Text: fmt.Sprintf("in what the map command %q wrote: %s", m.filter.pump.c.line, f.Text), Stack: f.Stack}
}
