package plugincheck

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/frame"
)

// mapChecks are the checks of the map of one input.
type mapChecks struct {
	*stage
	name  string
	input uint32
	in    *pluginv1.Input
	lines [][]byte
	whole mapped // of lines, in one batch
}

func (m *mapChecks) run(ctx context.Context) error {
	rows := m.in.GetInputKind() == pluginv1.Stage_INPUT_KIND_ROW
	m.lines = m.cfg.Records
	switch {
	case rows:
		one, err := emptyRows(m.in)
		if err != nil {
			return m.skipAll(ctx, "rows that no one can make up: "+err.Error())
		}
		m.lines = repeated(one)
	case len(m.lines) == 0:
		m.lines = madeUp()
	default:
		m.lines = repeated(m.lines)
	}
	text := func(lines ...[]byte) func(context.Context) (string, error) {
		return func(ctx context.Context) (string, error) {
			if rows {
				return "", skip("its records are rows, not text")
			}
			return m.attempt(ctx, lines)
		}
	}
	for _, c := range []struct {
		name, expected string
		f              func(context.Context) (string, error)
	}{
		{"empty", "done, with no records", func(ctx context.Context) (string, error) { return m.attempt(ctx, nil) }},
		{"one", "one record in, and done", func(ctx context.Context) (string, error) { return m.attempt(ctx, m.lines[:1]) }},
		{"many", "every record counted; keys and values encoded by their schemas, sorted batches in order", m.many},
		{"64 KiB", "a record of 64 KiB, and done", text(bytes.Repeat([]byte("0123456789abcde "), 4<<10))},
		{"4 MiB", "a record of 4 MiB, in several messages, and done", text(bytes.Repeat([]byte("x"), 4<<20))},
		{"not UTF-8", "done, a bad record or a failure that names the record; no death", text([]byte("\xff\xfe not \xc3 utf-8 \x80"))},
		{"batches", "the same pairs however records are cut into batches", m.batches},
		{"messages", "the same pairs however bodies are cut into messages", m.messages},
		{"again", "the same pairs of a second attempt", func(ctx context.Context) (string, error) { return m.like(ctx, wire{}, len(m.lines)) }},
		{"at once", "the same pairs of two attempts at once", m.atOnce},
		{"cut off", "a stream that ends without End is no end: an error, never done", m.cutOff},
		{"cancelled", "the plugin goes on after an attempt is cancelled in mid-stream", m.cancelled},
		{"failure", "the job's failure names the batch and the row of its record", m.failing},
	} {
		if err := m.check(ctx, m.name+"map, "+c.name, c.expected, c.f); err != nil {
			return err
		}
	}
	return nil
}

func (m *mapChecks) skipAll(ctx context.Context, why string) error {
	return m.check(ctx, m.name+"map", "", func(context.Context) (string, error) { return "", skip(why) })
}

func (m *mapChecks) attempt(ctx context.Context, lines [][]byte) (string, error) {
	got, err := m.mapAttempt(ctx, wire{}, m.input, batches(m.in, lines, many))
	if err != nil {
		return "", err
	}
	return got.String(), nil
}

func (m *mapChecks) many(ctx context.Context) (seen string, err error) {
	m.whole, err = m.mapAttempt(ctx, wire{}, m.input, batches(m.in, m.lines, len(m.lines)))
	if err != nil {
		return "", err
	}
	return m.whole.String(), nil
}

// like runs an attempt over the lines in another way and compares.
func (m *mapChecks) like(ctx context.Context, how wire, some int) (string, error) {
	if m.whole.counters == nil {
		return "", skip("there is nothing to compare with: the attempt over many records did not end well")
	}
	got, err := m.mapAttempt(ctx, how, m.input, batches(m.in, m.lines, some))
	if err != nil {
		return "", err
	}
	if m.same(got) != m.same(m.whole) {
		return "", errs.New(errs.UserCode, "other pairs: %v, and before %v", got, m.whole)
	}
	return got.String(), nil
}

func (m *mapChecks) batches(ctx context.Context) (string, error) { return m.like(ctx, wire{}, 7) }

// odd is a length that no buffer is a multiple of.
const odd = 1021

func (m *mapChecks) messages(ctx context.Context) (string, error) {
	return m.like(ctx, wire{cut: odd}, len(m.lines))
}

func (m *mapChecks) atOnce(ctx context.Context) (string, error) {
	if _, err := m.plugin(ctx); err != nil { // it is started once
		return "", err
	}
	var seen [2]string
	g, ctx := errgroup.WithContext(ctx)
	for i := range seen {
		g.Go(func() (err error) {
			seen[i], err = m.like(ctx, wire{}, 100+i)
			return err
		})
	}
	return seen[0], g.Wait()
}

func (m *mapChecks) cutOff(ctx context.Context) (string, error) {
	got, err := m.mapAttempt(ctx, wire{noEnd: true}, m.input, batches(m.in, m.lines[:1], 1))
	return m.refused(ctx, err, got.failure != nil)
}

// refused is for streams that have to end in an error while the plugin lives on.
func (s *stage) refused(ctx context.Context, err error, failed bool) (string, error) {
	switch {
	case errors.Is(err, errHung):
		return "", err
	case err == nil && !failed:
		return "", errs.New(errs.UserCode, "it said done")
	}
	client, explain := s.process.Raw()
	if _, dead := client.Describe(ctx, &pluginv1.DescribeRequest{Protocols: []uint32{boundary.Protocol}}); dead != nil {
		return "", explain(dead)
	}
	if err == nil {
		return "a failure", nil
	}
	return firstLine(err.Error()), nil
}

func (m *mapChecks) cancelled(ctx context.Context) (string, error) {
	p, err := m.plugin(ctx)
	if err != nil {
		return "", err
	}
	client, _ := p.Raw()
	given, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := client.Map(given, frame.Call())
	if err != nil {
		return "", err
	}
	start := &pluginv1.MapStart{Id: &pluginv1.TaskID{Job: "check", Stage: m.n}, Partitions: m.partitions(), Memory: budget, Input: m.input}
	if err := stream.Send(&pluginv1.MapRequest{Kind: &pluginv1.MapRequest_Start{Start: start}}); err != nil {
		return "", err
	}
	// A batch whose body is not whole, so that the plugin is waiting for the rest.
	torn := &pluginv1.InputBatch{
		Buffers: &pluginv1.Buffers{Rows: 1, Lengths: []uint64{8, 100}}, Format: pluginv1.InputBatch_FORMAT_STRINGS, BodyLength: 108,
	}
	if err := stream.Send(&pluginv1.MapRequest{Kind: &pluginv1.MapRequest_Batch{Batch: torn}, Body: make([]byte, 8)}); err != nil {
		return "", err
	}
	cancel()
	return m.like(ctx, wire{}, len(m.lines))
}

func (m *mapChecks) failing(ctx context.Context) (string, error) {
	if m.cfg.Failing == nil {
		return "", skip("name a record that Map fails at, by --failing")
	}
	const at = 5
	lines := append(append([][]byte{}, m.lines[:2*at]...), m.cfg.Failing)
	in := batches(m.in, lines, at)
	got, err := m.mapAttempt(ctx, wire{}, m.input, in)
	switch {
	case err != nil:
		return "", err
	case got.failure == nil:
		return "", errs.New(errs.UserCode, "no failure: %v", got)
	case got.failure.Batch != 2 || got.failure.Row != 0:
		return "", errs.New(errs.UserCode, "%v, but the record was record 0 of batch 2", got)
	}
	return fmt.Sprint(got), nil
}

// errHung is in the error of an attempt that did not end in time.
var errHung = errs.New(errs.UserCode, "the attempt did not end in time")
