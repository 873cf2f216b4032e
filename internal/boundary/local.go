package boundary

import (
	"github.com/apache/arrow-go/v18/arrow"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
)

// LocalMap is a MapPort within one process: batches come from Next and go to Out.
type LocalMap struct {
	Next func() (*Input, error)
	Out  func(*Pairs) error
	// Named takes the rows of named outputs; nil: they go nowhere.
	Named func(output int, rec arrow.RecordBatch) error
}

// Recv calls Next.
func (p LocalMap) Recv() (*Input, error) { return p.Next() }

// Lend is Recv.
func (p LocalMap) Lend() (*Input, error) { return p.Next() }

// Batch is the usual size.
func (p LocalMap) Batch() int { return BatchSize }

// Send calls Out, which gets the memory of the batch.
func (p LocalMap) Send(b *Pairs) error {
	own := *b
	*b = Pairs{}
	return p.Out(&own)
}

// Progress has nobody to tell.
func (p LocalMap) Progress(uint64) error { return nil }

// Bad has nobody to tell.
func (p LocalMap) Bad([]*pluginv1.BadRecord) error { return nil }

// SendNamed calls Named.
func (p LocalMap) SendNamed(output int, rec arrow.RecordBatch) error {
	return toNamed(p.Named, output, rec)
}

func toNamed(to func(int, arrow.RecordBatch) error, output int, rec arrow.RecordBatch) error {
	if to == nil {
		return nil
	}
	return to(output, rec)
}

// LocalReduce is a ReducePort within one process.
type LocalReduce struct {
	Next func() (*Group, error)
	Out  func(arrow.RecordBatch) error
	// Named takes the rows of named outputs; nil: they go nowhere.
	Named func(output int, rec arrow.RecordBatch) error
}

// Recv calls Next.
func (p LocalReduce) Recv() (*Group, error) { return p.Next() }

// Batch is the usual size.
func (p LocalReduce) Batch() int { return BatchSize }

// Send calls Out.
func (p LocalReduce) Send(rec arrow.RecordBatch) error { return p.Out(rec) }

// SendNamed calls Named.
func (p LocalReduce) SendNamed(output int, rec arrow.RecordBatch) error {
	return toNamed(p.Named, output, rec)
}
