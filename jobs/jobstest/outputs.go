package jobstest

import (
	"testing"

	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/jobs"
)

// Outputs runs the job over the records once and gives its rows by the name of their output; those of the result are under "".
// A row is a line of tsv, as mrctl cat prints it. Those of a job that only maps are in the order of the records; those of others
// are in no order that a job could rely on, so they are sorted. An output that got none is not there.
//
//	got := jobstest.Outputs(t, job, []string{"to be or not to be"})
//	if want := []string{"not\t1", "or\t1"}; !slices.Equal(got["once"], want) {
//		t.Errorf("once: %q, want %q", got["once"], want)
//	}
//
// Of the options it takes Side.
func Outputs[In, K, V, Out any](t *testing.T, job jobs.Job[In, K, V, Out], records []In, opts ...Option) map[string][]string {
	t.Helper()
	program, o := prepared(t, job, opts)
	return outputs(t, program, encoded(records, o.kind))
}

// OutputsOf is Outputs of a job of several inputs, or stages, over the Records of the options. Rows between stages come in no order
// that a job could rely on.
func OutputsOf(t *testing.T, stages []jobs.Stage, opts ...Option) map[string][]string {
	t.Helper()
	c, given, _ := chained(t, stages, opts)
	return outputs(t, c, given)
}

func outputs(t *testing.T, program boundary.Program, records [][]byte) map[string][]string {
	t.Helper()
	res, err := run(t.Context(), program, records, setting{})
	if err != nil {
		t.Fatalf("the job fails on these records: %v", err)
	}
	out := map[string][]string{}
	for _, r := range res.rows {
		out[r.output] = append(out[r.output], r.text)
	}
	return out
}
