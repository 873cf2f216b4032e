package plugincheck

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/codec"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/rows"
)

// partitions is how many the checks tell plugins of.
const partitions = 4

// budget is what an attempt is given, in bytes.
const budget = 64 << 20

type pair struct{ key, val []byte }

// inOrder sorts pairs by key, as a reduce gets them.
func inOrder(pairs []pair) []pair {
	slices.SortStableFunc(pairs, func(a, b pair) int { return bytes.Compare(a.key, b.key) })
	return pairs
}

// mapped is what a map attempt gave.
type mapped struct {
	pairs    []pair
	named    namedRows
	counters *pluginv1.Counters
	failure  *boundary.Failure // the job's own: the attempt ended in order, but there is no result
}

// patience bounds an attempt and says so where it is over.
func (s *stage) patience(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, s.cfg.Timeout, fmt.Errorf("%w: %v", errHung, s.cfg.Timeout))
}

// overdue says why an attempt failed, and ends a plugin that does not end it.
func (s *stage) overdue(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return errors.Join(context.Cause(ctx), s.hung())
	}
	return err
}

// mapAttempt runs a map attempt over batches of an input.
func (s *stage) mapAttempt(ctx context.Context, how wire, input uint32, in []*rows.Records) (m mapped, err error) {
	p, err := s.plugin(ctx)
	if err != nil {
		return m, err
	}
	ctx, cancel := s.patience(ctx)
	defer cancel()
	client, explain := p.Raw()
	how.PluginServiceClient = client
	if how.noEnd {
		explain = nil // an error is what is wanted, and no reason to wait for the process to end
	}
	stream, err := boundary.NewMap(ctx, how, nil, &pluginv1.MapStart{
		Id: &pluginv1.TaskID{Job: "check", Stage: s.n, Task: 1}, Partitions: s.partitions(), Memory: budget, BadSamples: 4, Input: input,
	}, explain)
	if err != nil {
		return m, s.overdue(ctx, err)
	}
	records := 0
	if s.desc.GetMapOnly() { // the rows of others come from their reduce, and of their map none are taken
		if m.named, err = takeNamed(s.desc, stream); err != nil {
			stream.Close()
			return m, err
		}
	}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_ = feed(ctx, stream, in) // why sending ended, Recv tells
	}()
	defer func() { <-sent }() // after Close, at the latest
	defer stream.Close()
	for {
		b, err := stream.Recv()
		switch {
		case errors.Is(err, io.EOF):
			for _, b := range in {
				records += b.Len()
			}
			m.counters = stream.Counters()
			return m, s.checkCounts(m, records)
		case errors.As(err, &m.failure):
			return m, checkPlace(m.failure, in)
		case err != nil:
			return m, s.overdue(ctx, err)
		}
		if err := s.checkBatch(b); err != nil {
			return m, err
		}
		for i := range b.Len() {
			m.pairs = append(m.pairs, pair{
				bytes.Clone(b.Keys[b.KeyOff[i]:b.KeyOff[i+1]]), bytes.Clone(b.Vals[b.ValOff[i]:b.ValOff[i+1]]),
			})
		}
	}
}

func feed(ctx context.Context, stream *boundary.MapStream, in []*rows.Records) error {
	for _, b := range in {
		own := b.Slice(0, b.Len())
		if err := stream.Send(ctx, own); err != nil {
			return err
		}
	}
	return stream.CloseSend()
}

// checkPlace holds the place of a failure to the records that were sent.
func checkPlace(f *boundary.Failure, in []*rows.Records) error {
	if !f.HasRecord {
		return errs.New(errs.UserCode, "a failure that names no record: %s", f.Text)
	}
	if f.Batch >= uint64(len(in)) || f.Row >= uint64(in[f.Batch].Len()) {
		return errs.New(errs.UserCode, "a failure at record %d of batch %d, which was not sent: %s", f.Row, f.Batch, f.Text)
	}
	return nil
}

// checkCounts holds the counters of an attempt to what was sent and received.
func (s *stage) checkCounts(m mapped, records int) error {
	c := m.counters
	if c.GetRecordsIn() != uint64(records) {
		return errs.New(errs.UserCode, "records_in is %d, %d records were sent", c.GetRecordsIn(), records)
	}
	if s.desc.GetMapOnly() && c.GetPairsOut() != uint64(len(m.pairs)) {
		return errs.New(errs.UserCode, "pairs_out is %d, and %d rows of the result came", c.GetPairsOut(), len(m.pairs))
	}
	if c.GetPairsOut() < uint64(len(m.pairs)) {
		return errs.New(errs.UserCode, "pairs_out is %d, but %d pairs came", c.GetPairsOut(), len(m.pairs))
	}
	return nil
}

// same is what two attempts over equal records must agree in, as text that compares: the rows in their order where the stage
// only maps, and those of named outputs; else the pairs in some order where nothing folds them, their folds where the worker
// knows how to fold, else the keys.
func (s *stage) same(m mapped) string {
	pairs := inOrder(slices.Clone(m.pairs))
	fold, exact, ok := codec.FoldFor(s.desc.GetFold(), s.value)
	var lines []string
	switch {
	case s.desc.GetMapOnly():
		for _, p := range m.pairs {
			lines = append(lines, fmt.Sprintf("%x", p.val))
		}
		lines = append(lines, m.named.lines()...)
	case s.desc.GetFold() == pluginv1.Stage_FOLD_UNSPECIFIED:
		for _, p := range pairs {
			lines = append(lines, fmt.Sprintf("%x %x", p.key, p.val))
		}
		slices.Sort(lines)
	default:
		for i := 0; i < len(pairs); {
			key, acc := pairs[i].key, bytes.Clone(pairs[i].val)
			for i++; i < len(pairs) && bytes.Equal(pairs[i].key, key); i++ {
				if ok && exact {
					acc = fold(acc, pairs[i].val)
				}
			}
			if !ok || !exact {
				acc = nil
			}
			lines = append(lines, fmt.Sprintf("%x %x", key, acc))
		}
	}
	if m.failure != nil {
		lines = []string{fmt.Sprintf("failure at %d/%d", m.failure.Batch, m.failure.Row)}
	}
	return strings.Join(lines, "\n")
}

func (m mapped) String() string {
	if m.failure != nil {
		return fmt.Sprintf("the job's failure at record %d of batch %d: %s", m.failure.Row, m.failure.Batch, firstLine(m.failure.Text))
	}
	return fmt.Sprintf("%d pairs of %d records, %d bad%v", len(m.pairs), m.counters.GetRecordsIn(), m.counters.GetBadRecords(), m.named)
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}

// checkBatch holds a batch to the schemas, and to the order and partitions it claims.
func (s *stage) checkBatch(b *boundary.Pairs) error {
	if s.desc.GetHasPartition() != (b.Parts != nil) && !b.Sorted {
		return errs.New(errs.UserCode, "has_partition is %v, and a batch of %d pairs has %d partitions", s.desc.GetHasPartition(), b.Len(), len(b.Parts))
	}
	keys, err := newColumns(s.key)
	if err != nil {
		return fmt.Errorf("key schema: %w", err)
	}
	vals, err := newColumns(s.value)
	if err != nil {
		return fmt.Errorf("value schema: %w", err)
	}
	for i := range b.Len() {
		key := b.Keys[b.KeyOff[i]:b.KeyOff[i+1]]
		if err := keys.read(key); err != nil {
			return errs.New(errs.UserCode, "key %x is none of the key schema: %v", key, err)
		}
		if val := b.Vals[b.ValOff[i]:b.ValOff[i+1]]; vals.read(val) != nil {
			return errs.New(errs.UserCode, "value %x is none of the value schema: %v", val, vals.read(val))
		}
		if !b.Sorted {
			continue
		}
		if i > 0 && bytes.Compare(b.Keys[b.KeyOff[i-1]:b.KeyOff[i]], key) > 0 {
			return errs.New(errs.UserCode, "a batch that is said to be sorted is not, at key %x", key)
		}
		if part := codec.Partition(key, partitions); !s.desc.GetHasPartition() && part != b.Partition {
			return errs.New(errs.UserCode, "key %x is of partition %d, in a batch of partition %d", key, part, b.Partition)
		}
	}
	return nil
}
