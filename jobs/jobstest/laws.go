// Package jobstest shows that a job is one that may be spread over machines: that how its input is cut, batched,
// combined, ordered and retried does not change its result.
//
//	func TestLaws(t *testing.T) {
//		jobstest.Laws(t, job, []string{"to be or not to be", "", "that is the question"})
//	}
package jobstest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/shm"
	"github.com/mrctl/mrctl/jobs"
)

// Option changes what Laws accepts.
type Option func(*options)

type options struct {
	tolerance float64
	seed      uint64
	generated int
	kind      *kind
	sides     []*pluginv1.Side
	inputs    []input // of LawsOf
}

// Tolerance takes floats that differ by no more than rel, relative to the greater, for equal. Sums of floats depend on
// the order of addition in their last digits; without this option every digit counts.
func Tolerance(rel float64) Option { return func(o *options) { o.tolerance = rel } }

// Seed seeds the orders that are tried and the records that are made up. The default is 1.
func Seed(seed uint64) Option { return func(o *options) { o.seed = seed } }

// Generated sets how many records are made up besides those given. The default is 40; 0 is for jobs that may rely on what
// their records look like.
func Generated(n int) Option { return func(o *options) { o.generated = max(n, 0) } }

// Side is where a side file of the job lies.
func Side(name, path string) Option {
	return func(o *options) { o.sides = append(o.sides, &pluginv1.Side{Name: name, Path: path}) }
}

// law is a way to run a job that must give the result of the plain way.
type law struct {
	name  string
	says  string // what is wrong with a job that breaks it
	tries []setting
	keys  bool // it is about keys: a job without them cannot break it
}

// Laws runs the job over the records in many ways and fails t, with the law's name and the smallest records that it finds
// to show it, where one of them gives another result than the plain way. About twenty records of each kind are enough.
//
// Besides those given it makes up records of type In: empty, long, not UTF-8, and pieces and changes of those given. A job
// may set them aside as bad or return an error (then that record is left out), but it may not panic.
//
// The rows of a job that only maps (jobs.None) have to come in the order of the records too, and the laws that are about keys
// are left out for it. Rows of named outputs are held to the laws as those of the result are.
//
// A job with several inputs, and one of several stages, is tried by LawsOf.
func Laws[In, K, V, Out any](t *testing.T, job jobs.Job[In, K, V, Out], records []In, opts ...Option) {
	t.Helper()
	program, o := prepared(t, job, opts)
	given := encoded(records, o.kind)
	if _, err := run(t.Context(), program, given, setting{}); err != nil {
		t.Fatalf("the job fails on these records: %v", err)
	}
	made, v := bearable(t.Context(), program, encoded(generate(records, o.generated, o.seed), o.kind), o)
	if v != nil {
		t.Fatal(v)
	}
	raw := slices.Concat(given, made)
	if job.Combine.IsSet() {
		subtest(t, "Combine", func(ctx context.Context) *violation { return combineLaws(ctx, job.Combine, program, raw, o) })
	}
	try(t, program, raw, o)
}

// try holds a program to the laws, over records that it bears.
func try(t *testing.T, program boundary.Program, raw [][]byte, o options) {
	t.Helper()
	for _, l := range laws(len(raw), o.seed) {
		if l.keys && program.Describe().GetMapOnly() {
			continue
		}
		subtest(t, l.name, func(ctx context.Context) *violation { return l.check(ctx, program, raw, o) })
	}
}

func subtest(t *testing.T, name string, check func(ctx context.Context) *violation) {
	t.Helper()
	t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
		t.Helper() // so that the line reported is the caller's
		if v := check(t.Context()); v != nil {
			t.Error(v)
		}
	})
}

// prepared compiles a job for its attempts, with what the options say.
func prepared[In, K, V, Out any](t *testing.T, job jobs.Job[In, K, V, Out], opts []Option) (boundary.Program, options) {
	t.Helper()
	program, err := job.Program()
	if err != nil {
		t.Fatal(err)
	}
	if len(program.Describe().GetInputs()) > 0 {
		t.Fatal("the job has inputs with names: try it with jobstest.LawsOf, which takes records of each")
	}
	o := optionsOf(opts)
	if o.kind, err = kindOf[In](); err != nil {
		t.Fatal(err)
	}
	return withSides(t, program, o), o
}

func optionsOf(opts []Option) options {
	o := options{seed: 1, generated: 40}
	for _, opt := range opts {
		opt(&o)
	}
	return o
}

func encoded[In any](records []In, k *kind) [][]byte {
	raw := make([][]byte, len(records))
	for i, r := range records {
		raw[i] = k.encode(r)
	}
	return raw
}

// laws lists them for an input of n records.
func laws(n int, seed uint64) []law {
	plain := setting{}
	with := func(change func(*setting)) setting {
		s := plain
		change(&s)
		return s
	}
	var grpc []setting
	for _, s := range []setting{
		{}, {splits: 3, partitions: 2, combine: true}, {batch: 1, combine: true}, {splits: 2, batch: 2, partitions: 3, order: seed},
	} {
		s.grpc = true
		grpc = append(grpc, s)
		if s.shared = shm.Supported; s.shared {
			grpc = append(grpc, s)
		}
	}
	return []law{
		{"splits", "how the input is cut must not matter: Map may not look beyond its record",
			[]setting{with(func(s *setting) { s.splits = 2 }), with(func(s *setting) { s.splits = 3 }), with(func(s *setting) { s.splits = max(n, 1) })}, false},
		{"partitions", "the number of partitions must not matter: keys that belong together need one Partition, and Reduce may not look beyond its key",
			[]setting{with(func(s *setting) { s.partitions = 2 }), with(func(s *setting) { s.partitions = 7 })}, true},
		{"combining", "folding before Reduce must not matter: Reduce has to take folded values as it takes emitted ones",
			[]setting{
				with(func(s *setting) { s.combine = true }),
				with(func(s *setting) { s.combine, s.splits = true, 3 }),
				with(func(s *setting) { s.combine, s.memory = true, 1 }),
			}, true},
		{"batch size", "how many rows travel together must not matter: a []byte, or a batch of Arrow, may not be kept beyond the call",
			[]setting{
				with(func(s *setting) { s.batch = 1 }), with(func(s *setting) { s.batch = 3 }),
				with(func(s *setting) { s.batch, s.combine = 1, true }),
			}, false},
		{"value order", "the values of a key come in any order: Reduce may not depend on it",
			[]setting{
				with(func(s *setting) { s.order = reversed }), with(func(s *setting) { s.order = seed }), with(func(s *setting) { s.order = seed + 1 }),
			}, true},
		{"retries", "an attempt may fail and run again: the job's functions may depend on their arguments and the flags alone",
			[]setting{plain, with(func(s *setting) { s.retry = true }), with(func(s *setting) { s.retry, s.splits, s.combine = true, 2, true })}, false},
		{"attempts at once", "several attempts run at once in one process: what they share must be safe for that",
			[]setting{with(func(s *setting) { s.splits, s.atOnce = 4, true }), with(func(s *setting) { s.splits, s.partitions, s.atOnce, s.combine = 4, 4, true, true })}, false},
		{"over gRPC", "the result must survive the wire: columns of K, V and Out hold all there is to a value", grpc, false},
	}
}

// violation is a law that a job breaks, shown by an example.
type violation struct {
	law     law
	setting setting
	records [][]byte
	show    func(record []byte) string
	err     error
	diff    string
}

func (v *violation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "law %q is broken: %s\n  run with %v, over these %d records:\n", v.law.name, v.law.says, v.setting, len(v.records))
	const most = 12
	for i, r := range v.records {
		if i == most {
			fmt.Fprintf(&b, "    and %d more\n", len(v.records)-most)
			break
		}
		fmt.Fprintf(&b, "    %s\n", v.show(r))
	}
	if v.err != nil {
		fmt.Fprintf(&b, "  it failed: %v", v.err)
		return b.String()
	}
	b.WriteString(strings.TrimRight(v.diff, "\n"))
	return b.String()
}
