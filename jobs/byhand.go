package jobs

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/rows"
)

// byHand runs the job over files in this process and gives its exit code: 0 done, 1 failed, 2 wrong usage. It holds
// what Map emits, combined, in memory; for more than that there is mrctl.
func byHand(fs *flag.FlagSet, args []string, stages []Stage, stdin *os.File, stdout, stderr io.Writer) int {
	name := filepath.Base(os.Args[0])
	wrong := func(err error) int {
		fmt.Fprintf(stderr, "%s: %v\nSee %s -h.\n", name, err, name)
		return 2
	}
	sides := sideFlag(fs, stages)
	files, err := parse(fs, args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, usage(fs))
		return 0
	}
	if err != nil {
		return wrong(err)
	}
	programs, err := programsOf(stages)
	if err == nil {
		err = sides.check()
	}
	if err != nil {
		return wrong(located(err, placeOfCall()))
	}
	given, err := boundary.GivenInputs(described(programs))
	if err != nil {
		return wrong(located(err, placeOfCall()))
	}
	named := len(given.GetInputs()) > 0
	if len(files) == 0 && !named {
		if info, err := stdin.Stat(); err != nil || info.Mode()&os.ModeCharDevice != 0 {
			fmt.Fprint(stderr, usage(fs))
			return 2
		}
		files = []string{"-"}
	}
	inputs, err := filesOf(given, files)
	if err != nil {
		return wrong(err)
	}
	out := bufio.NewWriterSize(stdout, 1<<16)
	h := &local{programs: programs, given: map[string][]string{}, rows: map[int]*heap{}, stdin: stdin, out: out, stderr: stderr}
	for i, files := range inputs {
		h.given[boundary.InputOf(given, i).GetName()] = files
	}
	err = h.run(withSides(context.Background(), sides.given))
	if err = errors.Join(err, out.Flush()); err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", name, err)
		return 1
	}
	h.aside.tell(stderr)
	return 0
}

// mapAndReduce runs a stage: it maps its inputs, sorts and reduces. put takes its rows, valid until it returns.
func (h *local) mapAndReduce(ctx context.Context, p boundary.Program, put func(arrow.RecordBatch) error) error {
	var pairs []*boundary.Pairs
	for i := range max(1, len(p.Describe().GetInputs())) {
		more, err := h.mapInput(ctx, p, i)
		if err != nil {
			return err
		}
		pairs = append(pairs, more...)
	}
	_, err := p.Reduce(ctx, &pluginv1.ReduceStart{Partitions: 1}, boundary.LocalReduce{Next: sorted(pairs), Out: put, Named: h.aside.count(p)})
	return err
}

// mapInput maps one input: the files given for it, or rows of an earlier stage.
func (h *local) mapInput(ctx context.Context, p boundary.Program, input int) (pairs []*boundary.Pairs, err error) {
	lines, err := h.source(boundary.InputOf(p.Describe(), input))
	if err != nil {
		return nil, err
	}
	defer lines.close()
	mapped, err := p.Map(ctx, &pluginv1.MapStart{Partitions: 1, BadSamples: 3, Input: uint32(input)}, boundary.LocalMap{
		Next:  lines.next,
		Out:   func(b *boundary.Pairs) error { pairs = append(pairs, b); return nil },
		Named: h.aside.count(p),
	})
	if err != nil {
		return nil, lines.place(err)
	}
	for _, s := range mapped.GetBadSamples() {
		fmt.Fprintf(h.stderr, "bad record, %s: %s\n", lines.where(s.GetBatch(), s.GetRow()), s.GetError())
	}
	if n := mapped.GetBadRecords(); n > 0 {
		fmt.Fprintf(h.stderr, "%d of %d records were bad and set aside\n", n, mapped.GetRecordsIn())
	}
	return pairs, nil
}

// sorted gives pairs in key order, a batch at a time.
func sorted(pairs []*boundary.Pairs) func() (*boundary.Group, error) {
	type place struct{ batch, row int32 }
	var order []place
	for b, p := range pairs {
		for r := range p.Len() {
			order = append(order, place{int32(b), int32(r)})
		}
	}
	slices.SortStableFunc(order, func(x, y place) int {
		return bytes.Compare(pairs[x.batch].Key(int(x.row)), pairs[y.batch].Key(int(y.row)))
	})
	var last []byte
	return func() (*boundary.Group, error) {
		if len(order) == 0 {
			return nil, io.EOF
		}
		g := &boundary.Group{}
		for len(order) > 0 && g.Bytes() < boundary.BatchSize {
			p, r := pairs[order[0].batch], int(order[0].row)
			g.Append(p.Key(r), p.Val(r))
			order = order[1:]
		}
		g.Continues = last != nil && bytes.Equal(last, g.Key(0))
		last = g.Key(g.Len() - 1)
		return g, nil
	}
}

// lineReader reads files as batches of lines, and remembers where each batch began.
type lineReader struct {
	files []string
	stdin io.Reader

	file io.ReadCloser
	name string
	off  int64  // of rest, in the file
	rest []byte // read, and not given out yet
	recs []rows.Records
}

// next gives the lines that a buffer holds: of about 1 MiB, or one line that is longer.
func (l *lineReader) next() (*boundary.Input, error) {
	buf := make([]byte, len(l.rest), max(boundary.BatchSize, 2*len(l.rest)))
	copy(buf, l.rest)
	for {
		if l.file == nil {
			if len(l.files) == 0 {
				return nil, io.EOF
			}
			if err := l.open(); err != nil {
				return nil, err
			}
		}
		if len(buf) == cap(buf) {
			buf = slices.Grow(buf, len(buf))
		}
		n, err := l.file.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		end := bytes.LastIndexByte(buf, '\n') + 1
		if errors.Is(err, io.EOF) {
			end = len(buf)
		} else if err != nil {
			return nil, fmt.Errorf("read %s: %w", l.name, err)
		}
		if err != nil {
			l.close()
		}
		if end > 0 && (err != nil || len(buf) == cap(buf)) {
			l.rest = append([]byte(nil), buf[end:]...)
			return l.batch(buf[:end]), nil
		}
	}
}

func (l *lineReader) open() (err error) {
	l.name, l.files, l.off = l.files[0], l.files[1:], 0
	if l.name == "-" {
		l.file = io.NopCloser(l.stdin)
		return nil
	}
	l.file, err = os.Open(l.name)
	return err
}

func (l *lineReader) close() {
	if l.file != nil {
		_ = l.file.Close() // only read from
		l.file = nil
	}
}

// batch cuts data, which begins and ends with whole lines, into records.
func (l *lineReader) batch(data []byte) *boundary.Input {
	r := rows.Records{Data: data, Off: []int32{0}, Terminated: true, Origins: []rows.Origin{{Object: l.name, Offset: l.off}}}
	for at := 0; at < len(data); {
		if i := bytes.IndexByte(data[at:], '\n'); i >= 0 {
			at += i + 1
		} else {
			at = len(data)
		}
		r.Off = append(r.Off, int32(at))
	}
	l.off += int64(len(data))
	l.recs = append(l.recs, rows.Records{Off: r.Off, Origins: r.Origins})
	return &boundary.Input{Number: uint64(len(l.recs) - 1), Records: r}
}

// where names the place of a record.
func (l *lineReader) where(batch, row uint64) string {
	object, off, _ := l.recs[batch].Where(int(row))
	return fmt.Sprintf("%s at byte %d", object, off)
}

// place adds the place of the record to a failure.
func (l *lineReader) place(err error) error { return placedBy(l.where, err) }

func placedBy(where func(batch, row uint64) string, err error) error {
	var f *boundary.Failure
	if errors.As(err, &f) && f.HasRecord {
		return fmt.Errorf("%s: %w", where(f.Batch, f.Row), err)
	}
	return err
}
