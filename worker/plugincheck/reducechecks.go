package plugincheck

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/rows"
)

// reduceChecks are the checks of a reduce, over what the maps gave.
type reduceChecks struct {
	*stage
	name  string
	pairs []pair // in order
	whole reduced
}

// reduced is what a reduce attempt gave.
type reduced struct {
	rows     []string
	named    namedRows
	counters *pluginv1.Counters
	failure  *boundary.Failure
}

func (r reduced) String() string {
	if r.failure != nil {
		return "the job's failure: " + firstLine(r.failure.Text)
	}
	return fmt.Sprintf("%d rows of %d groups%v", len(r.rows), r.counters.GetGroupsIn(), r.named)
}

func (r *reduceChecks) run(ctx context.Context) error {
	big := func(some int) func(context.Context) (string, error) {
		return func(ctx context.Context) (string, error) { return r.bigGroup(ctx, some) }
	}
	for _, c := range []struct {
		name, expected string
		f              func(context.Context) (string, error)
	}{
		{"empty", "done, with no rows", r.empty},
		{"many", "every group counted, rows of the output schema", r.many},
		{"batches", "the same rows when every pair is a batch of its own", func(ctx context.Context) (string, error) { return r.like(ctx, wire{}, 1) }},
		{"messages", "the same rows however bodies are cut into messages", func(ctx context.Context) (string, error) { return r.like(ctx, wire{cut: odd}, len(r.pairs)) }},
		{"big group", "a group over several batches is one group", big(100)},
		{"again", "the same rows of a second attempt", func(ctx context.Context) (string, error) { return r.like(ctx, wire{}, len(r.pairs)) }},
		{"cut off", "a stream that ends without End is no end: an error, never done", r.cutOff},
	} {
		if err := r.check(ctx, r.name+"reduce, "+c.name, c.expected, c.f); err != nil {
			return err
		}
	}
	return nil
}

func (r *reduceChecks) empty(ctx context.Context) (string, error) {
	got, err := r.attempt(ctx, wire{}, nil, 1)
	if n := len(got.rows) + len(got.named.lines()); err == nil && n > 0 {
		err = errs.New(errs.UserCode, "%d rows of nothing", n)
	}
	return got.String(), err
}

func (r *reduceChecks) many(ctx context.Context) (seen string, err error) {
	if err := r.somePairs(); err != nil {
		return "", err
	}
	got, err := r.attempt(ctx, wire{}, r.pairs, len(r.pairs))
	if err != nil {
		return "", err
	}
	r.whole = got
	return got.String(), nil
}

func (r *reduceChecks) somePairs() error {
	if len(r.pairs) == 0 {
		return skip("the map gave no pairs: give records of a real input, by --records")
	}
	return nil
}

func (r *reduceChecks) like(ctx context.Context, how wire, some int) (string, error) {
	if r.whole.counters == nil {
		return "", skip("there is nothing to compare with")
	}
	got, err := r.attempt(ctx, how, r.pairs, some)
	if err != nil {
		return "", err
	}
	return got.String(), differ(got, r.whole)
}

func differ(got, want reduced) error {
	if got.failure != nil || want.failure != nil ||
		!slices.Equal(got.rows, want.rows) || !slices.Equal(got.named.lines(), want.named.lines()) {
		return errs.New(errs.UserCode, "other rows: %v, and before %v", got, want)
	}
	return nil
}

// bigGroup compares a group in batches with the same group in one.
func (r *reduceChecks) bigGroup(ctx context.Context, some int) (string, error) {
	if err := r.somePairs(); err != nil {
		return "", err
	}
	var group []pair
	for len(group) < many {
		group = append(group, r.pairs[0])
	}
	group = append(group, r.pairs[len(r.pairs)-1])
	want, err := r.attempt(ctx, wire{}, group, len(group))
	if err != nil {
		return "", err
	}
	got, err := r.attempt(ctx, wire{}, group, some)
	if err != nil {
		return "", err
	}
	return got.String(), differ(got, want)
}

func (r *reduceChecks) cutOff(ctx context.Context) (string, error) {
	got, err := r.attempt(ctx, wire{noEnd: true}, r.pairs[:min(1, len(r.pairs))], 1)
	return r.refused(ctx, err, got.failure != nil)
}

// attempt runs a reduce attempt over pairs, some in a batch.
func (r *reduceChecks) attempt(ctx context.Context, how wire, pairs []pair, some int) (out reduced, err error) {
	p, err := r.plugin(ctx)
	if err != nil {
		return out, err
	}
	ctx, cancel := r.patience(ctx)
	defer cancel()
	client, explain := p.Raw()
	how.PluginServiceClient = client
	if how.noEnd {
		explain = nil // as with maps
	}
	stream, err := boundary.NewReduce(ctx, how, nil, r.desc, &pluginv1.ReduceStart{
		Id: &pluginv1.TaskID{Job: "check", Stage: r.n, Task: 1}, Partitions: partitions, Memory: budget,
	}, explain)
	if err != nil {
		return out, r.overdue(ctx, err)
	}
	if out.named, err = takeNamed(r.desc, stream); err != nil {
		stream.Close()
		return out, err
	}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_ = feedGroups(ctx, stream, pairs, some) // why sending ended, Recv tells
	}()
	defer func() { <-sent }() // after Close, at the latest
	defer stream.Close()
	for {
		rec, err := stream.Recv()
		switch {
		case errors.Is(err, io.EOF):
			out.counters = stream.Counters()
			return out, checkGroups(out, pairs)
		case errors.As(err, &out.failure):
			return out, nil
		case err != nil:
			return out, r.overdue(ctx, err)
		}
		for i := range int(rec.NumRows()) {
			out.rows = append(out.rows, rowText(rec, i))
		}
		rec.Release()
	}
}

func feedGroups(ctx context.Context, stream *boundary.ReduceStream, pairs []pair, some int) error {
	continues := false
	for len(pairs) > 0 {
		n := min(some, len(pairs))
		b := &rows.Batch{KeyOff: []int32{0}, ValOff: []int32{0}}
		for _, p := range pairs[:n] {
			b.Keys, b.Vals = append(b.Keys, p.key...), append(b.Vals, p.val...)
			b.KeyOff, b.ValOff = append(b.KeyOff, int32(len(b.Keys))), append(b.ValOff, int32(len(b.Vals)))
		}
		if err := stream.Send(ctx, b, continues); err != nil {
			return err
		}
		continues = n < len(pairs) && bytes.Equal(pairs[n-1].key, pairs[n].key)
		pairs = pairs[n:]
	}
	return stream.CloseSend()
}

// checkGroups holds the counters to what was sent and received.
func checkGroups(out reduced, pairs []pair) error {
	groups := uint64(0)
	for i, p := range pairs {
		if i == 0 || !bytes.Equal(p.key, pairs[i-1].key) {
			groups++
		}
	}
	if c := out.counters; c.GetGroupsIn() != groups || c.GetRowsOut() != uint64(len(out.rows)) {
		return errs.New(errs.UserCode, "groups_in is %d and rows_out %d, for %d groups and %d rows", c.GetGroupsIn(), c.GetRowsOut(), groups, len(out.rows))
	}
	return nil
}
