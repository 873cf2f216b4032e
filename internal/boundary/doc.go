// Package boundary carries batches between a worker and a plugin. Both ends are here, so that they cannot drift apart:
// Server and its ports for the plugin, MapStream and ReduceStream for the worker, and Local for both in one process.
//
// What goes over is bulk: about 1 MiB a batch, never a call for a record. The buffers of a batch lie in a segment of
// memory that both sides map (Segments), and the stream carries their place; who was sent a segment gives it back by a
// credit. Where nothing is shared, or a batch is larger than a segment, its body goes by the stream: the buffers one after
// another, cut into messages of at most frame.MaxBody. Integers are little-endian, as in Arrow on the machines we know.
//
// Three rules keep an attempt from waiting for itself. A worker receives what comes up from one goroutine while it sends
// from another, and gives credits from a third; so a plugin may write before it has read. A plugin that waits for a
// segment reads on meanwhile (inlet). And a buffer that was sent is not used again: the other side may be reading it.
//
// A message costs little, but waiting for one to leave may take as long as the batch: see giveWay.
package boundary

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/rows"
)

// Protocol is the version of the wire this package speaks.
const Protocol = 1

// BatchSize is how many bytes of rows a batch gathers before it is sent, where memory is not scarce. One row may make it
// larger.
const BatchSize = 1 << 20

// MaxBuffer bounds one buffer of a batch, in bytes: offsets are int32, and no batch is above 1 GiB but that of a line
// which is as long as lines may be, for it brings its end along, "\r\n" at most.
const MaxBuffer = 1<<30 + 2

// Pairs is a batch of what a map function emitted.
type Pairs struct {
	rows.Batch
	Parts     []int32 // the partition of each row where the job computes it, else nil
	Sorted    bool    // the rows are in key order and all of Partition
	Partition int
}

// Input is a batch of records on the plugin's side.
type Input struct {
	Number uint64 // of the batch in its attempt, from 0
	rows.Records
}

// Group is a batch of sorted rows on the plugin's side. Its memory is garbage collected and never changes.
type Group struct {
	rows.Batch
	Continues bool // the first row has the key of the last row before
}

// MapPort is the plugin's end of a map attempt. It is used from one goroutine.
type MapPort interface {
	// Recv gives the next batch, io.EOF after the last. Its memory is garbage collected and never changes: strings may
	// point into it for ever.
	Recv() (*Input, error)
	// Lend is Recv without the copy that costs: the batch may lie where the worker put it, and is valid until the next
	// call of Recv or Lend.
	Lend() (*Input, error)
	// Batch is how many bytes of rows a batch should gather before it is sent, BatchSize at most.
	Batch() int
	// Send hands a batch over and leaves it empty, with memory for the next that is best left where it is: what outgrows
	// it is moved once more. It blocks while the worker is behind.
	Send(*Pairs) error
	// Progress tells how many records are done. The worker hears of it now and then, or as often as it has asked to.
	Progress(records uint64) error
	// SendNamed hands over rows of a named output, in a job that only maps; output is its place in the stage's list. They are
	// free again when it returns.
	SendNamed(output int, rec arrow.RecordBatch) error
	// Bad hands over records that have been set aside, for a worker that has asked for all of them.
	Bad([]*pluginv1.BadRecord) error
}

// ReducePort is the plugin's end of a reduce attempt. It is used from one goroutine.
type ReducePort interface {
	// Recv gives the next batch, io.EOF after the last.
	Recv() (*Group, error)
	// Batch is how many bytes of rows a batch should gather before it is sent, BatchSize at most.
	Batch() int
	// Send hands rows of the result over, of the stage's output schema. They are free again when it returns.
	Send(arrow.RecordBatch) error
	// SendNamed is Send for a named output; output is its place in the stage's list.
	SendNamed(output int, rec arrow.RecordBatch) error
}

// Program is a stage of a job, compiled. Its methods may run many attempts at once. An error that is the user's is a
// *Failure; any other is the transport's.
type Program interface {
	Describe() *pluginv1.Stage
	Map(ctx context.Context, start *pluginv1.MapStart, port MapPort) (*pluginv1.Counters, error)
	Reduce(ctx context.Context, start *pluginv1.ReduceStart, port ReducePort) (*pluginv1.Counters, error)
}

// Failure is the user's error: what his function returned, or his panic with its stack.
type Failure struct {
	Text      string
	Stack     string // of a panic; "" otherwise
	HasRecord bool
	Batch     uint64 // of the record, when HasRecord
	Row       uint64
	Key       []byte // encoded; of the group in a reduce, of the pairs being combined in a map
}

// Error is the text, and the stack below it.
func (f *Failure) Error() string {
	if f.Stack == "" {
		return f.Text
	}
	return fmt.Sprintf("%s\n%s", f.Text, f.Stack)
}
