package mapside

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/codec"
	"github.com/mrctl/mrctl/internal/rows"
	"github.com/mrctl/mrctl/worker/table"
)

// lines are input in batches.
type lines struct {
	batches [][]string
	read    int64
	fail    error // after the batches
	closed  bool
}

func (l *lines) Next(ctx context.Context) (*rows.Records, error) {
	if len(l.batches) == 0 {
		if l.fail != nil {
			return nil, l.fail
		}
		return nil, io.EOF
	}
	r := &rows.Records{Off: []int32{0}}
	for _, s := range l.batches[0] {
		r.Data = append(r.Data, s...)
		r.Off = append(r.Off, int32(len(r.Data)))
		l.read += int64(len(s))
	}
	l.batches = l.batches[1:]
	return r, ctx.Err()
}
func (l *lines) Read() int64  { return l.read }
func (l *lines) Close() error { l.closed = true; return nil }

// plugin is an in-process Mapper: words with the count 1. It answers each batch of records with batches of pairs.
type plugin struct {
	table.NamedSource // of no outputs
	ctx               context.Context
	n                 int
	shape             string // "", "sorted", "parts"
	size              int    // pairs in a batch
	out               chan *boundary.Pairs
	done              chan struct{}
	fail              error // given by Recv after the first batch of records
	failed            chan struct{}
	pairs             uint64
	break_            func(*boundary.Pairs) // spoils what is sent
	counts            pluginv1.Counters
}

func newPlugin(ctx context.Context, n int) *plugin {
	return &plugin{ctx: ctx, n: n, size: 100, out: make(chan *boundary.Pairs), done: make(chan struct{}), failed: make(chan struct{})}
}

func (p *plugin) Buffer(n int) *rows.Records { return &rows.Records{Data: make([]byte, 0, n)} }

var one, _ = codec.For[int64]()

func (p *plugin) Send(ctx context.Context, b *rows.Records) error {
	if p.fail != nil {
		close(p.failed)
		return io.EOF
	}
	byPart := map[int][]string{}
	var order []string
	for i := range b.Len() {
		for _, w := range strings.Fields(string(b.Data[b.Off[i]:b.Off[i+1]])) {
			order = append(order, w)
			k := p.place(w)
			byPart[k] = append(byPart[k], w)
			p.pairs++
		}
	}
	if p.shape != "sorted" {
		return p.emit(ctx, order, -1)
	}
	for part := range p.n {
		slices.Sort(byPart[part])
		if err := p.emit(ctx, byPart[part], part); err != nil {
			return err
		}
	}
	return nil
}

// place is the partition of a word; plugins that choose it themselves go by its length.
func (p *plugin) place(w string) int {
	if p.shape == "parts" {
		return len(w) % p.n
	}
	return codec.Partition([]byte(w), max(p.n, 1))
}

func (p *plugin) emit(ctx context.Context, words []string, part int) error {
	for c := range slices.Chunk(words, p.size) {
		b := &boundary.Pairs{Sorted: part >= 0, Partition: max(part, 0)}
		for _, w := range c {
			b.Append([]byte(w), one.Append(nil, 1))
			if p.shape == "parts" {
				b.Parts = append(b.Parts, int32(p.place(w)))
			}
		}
		if p.break_ != nil {
			p.break_(b)
		}
		select {
		case p.out <- b:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

func (p *plugin) CloseSend() error { close(p.done); return nil }

func (p *plugin) Recv() (*boundary.Pairs, error) {
	select {
	case b := <-p.out:
		return b, nil
	case <-p.failed:
		return nil, p.fail
	case <-p.done:
		return nil, io.EOF
	case <-p.ctx.Done():
		return nil, context.Cause(p.ctx)
	}
}

func (p *plugin) Counters() *pluginv1.Counters {
	p.counts.PairsOut = p.pairs
	return &p.counts
}

func (p *plugin) Place(batch, row uint64) (string, int64, bool) { return "", 0, false }

func (p *plugin) Where(batch, row uint64) string {
	return fmt.Sprintf("input.txt at byte %d", batch*1000+row)
}

func schema(fields ...arrow.Field) []byte {
	var b bytes.Buffer
	w := ipc.NewWriter(&b, ipc.WithSchema(arrow.NewSchema(fields, nil)))
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// stage counts words.
func stage(fold pluginv1.Stage_Fold) *pluginv1.Stage {
	return &pluginv1.Stage{
		KeySchema:   schema(arrow.Field{Name: "word", Type: arrow.BinaryTypes.String}),
		ValueSchema: schema(arrow.Field{Name: "count", Type: arrow.PrimitiveTypes.Int64}),
		Fold:        fold,
	}
}
