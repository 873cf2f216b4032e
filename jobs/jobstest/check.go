package jobstest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/codec"
	"github.com/mrctl/mrctl/jobs"
)

// patience is after what time no smaller records are looked for: it is reached by slow jobs only.
const patience = 10 * time.Second

// smallest gives the violation with the fewest and simplest records that try still finds; v was found over all records.
func smallest(v *violation, tries int, o options, try func(records [][]byte) *violation) *violation {
	began := time.Now()
	shrink(v.records, o.kind.simplify, tries, func(some [][]byte) bool {
		if time.Since(began) > patience {
			return false
		}
		w := try(some)
		if w != nil {
			v = w
		}
		return w != nil
	})
	v.show = o.kind.show
	return v
}

// check runs the law's settings and gives the first violation, over the smallest records that show it.
func (l law) check(ctx context.Context, p boundary.Program, records [][]byte, o options) *violation {
	for _, s := range l.tries {
		v := l.try(ctx, p, records, s, o)
		if v == nil {
			continue
		}
		tries := 2000
		if s.grpc {
			tries = 200 // each is a server and a connection
		}
		return smallest(v, tries, o, func(some [][]byte) *violation { return l.try(ctx, p, some, s, o) })
	}
	return nil
}

func (l law) try(ctx context.Context, p boundary.Program, records [][]byte, s setting, o options) *violation {
	want, err := run(ctx, p, records, setting{})
	if err != nil {
		return &violation{law: l, setting: setting{}, records: records, err: err}
	}
	got, err := run(ctx, p, records, s)
	if err != nil {
		return &violation{law: l, setting: s, records: records, err: err}
	}
	if d := diff(want, got, o.tolerance); d != "" {
		return &violation{law: l, setting: s, records: records, diff: d}
	}
	return nil
}

// anyRecord is the law of records that are made up.
var anyRecord = law{name: "any record", says: "a job may not panic, whatever it reads: return jobs.BadRecord for what Map cannot use" +
	" (jobstest.Generated(0) leaves such records out)"}

// bearable gives those of the records made up that the job does not refuse by an error, or the violation if it panics.
func bearable(ctx context.Context, p boundary.Program, made [][]byte, o options) (kept [][]byte, v *violation) {
	try := func(some [][]byte) (*violation, error) {
		_, err := run(ctx, p, some, setting{})
		if f := (*boundary.Failure)(nil); errors.As(err, &f) && f.Stack != "" {
			return &violation{law: anyRecord, records: some, err: err}, err
		}
		return nil, err
	}
	panics := func(some [][]byte) *violation { v, _ := try(some); return v }
	for _, rec := range made {
		v, err := try([][]byte{rec})
		if v != nil {
			return nil, smallest(v, 2000, o, panics)
		}
		if err == nil {
			kept = append(kept, rec)
		}
	}
	if v, err := try(kept); v != nil {
		return nil, smallest(v, 2000, o, panics)
	} else if err != nil {
		return nil, nil // together they are too much for the job, and it says so
	}
	return kept, nil
}

// combineLaws checks that a Combiner is associative and commutative, on values the job emits.
func combineLaws[V any](ctx context.Context, c jobs.Combiner[V], p boundary.Program, records [][]byte, o options) *violation {
	try := func(some [][]byte) *violation {
		says, diff, err := combineBreach(ctx, c, p, some, o)
		if says == "" && err == nil {
			return nil
		}
		return &violation{law: law{name: "Combine", says: says}, records: some, diff: diff, err: err}
	}
	if v := try(records); v != nil {
		return smallest(v, 2000, o, try)
	}
	return nil
}

// combineBreach says what is wrong with a Combiner on values of these records, and shows it; "" is nothing.
func combineBreach[V any](ctx context.Context, c jobs.Combiner[V], p boundary.Program, records [][]byte, o options) (says, shown string, err error) {
	vals, err := codec.For[V]()
	if err != nil {
		return "", "", err
	}
	parts, _, _, err := mapAll(ctx, local{p.(interface{ WithoutCombining() boundary.Program }).WithoutCombining()}, [][][]byte{records},
		setting{splits: 1, partitions: 1})
	if err != nil {
		return "", "", err
	}
	byKey := map[string][][]byte{}
	for _, pr := range parts[0] {
		some := byKey[string(pr.key)]
		if len(some) < 4 || len(some) < 12 && !slices.ContainsFunc(some, func(v []byte) bool { return bytes.Equal(v, pr.val) }) {
			byKey[string(pr.key)] = append(some, pr.val)
		}
	}
	// fold folds encoded values afresh each time: a fold may change what it is given.
	fold := func(encs ...[]byte) []byte {
		return vals.Append(nil, c.Fold(func(yield func(V) bool) {
			for _, enc := range encs {
				v, derr := vals.Decode(slices.Clone(enc))
				if err = errors.Join(err, derr); derr != nil || !yield(v) {
					return
				}
			}
		}))
	}
	show := func(enc []byte) string {
		v, err := vals.Decode(slices.Clone(enc))
		if err != nil {
			return err.Error()
		}
		return clip(fmt.Sprintf("%+v", v))
	}
	dec, err := codec.NewDecoder(vals.Fields())
	if err != nil {
		return "", "", err
	}
	same := func(a, b []byte) bool {
		if string(a) == string(b) || o.tolerance == 0 {
			return string(a) == string(b)
		}
		both := dec.NewBuilder()
		if derr := errors.Join(both.Append(a), both.Append(b)); derr != nil {
			err = errors.Join(err, derr)
			return true
		}
		rows := rowsOf(array.NewRecordBatch(arrow.NewSchema(codec.OutputFields(vals.Fields()), nil), both.Take(nil), 2))
		return rows[0].equal(rows[1], o.tolerance)
	}
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		some := byKey[key]
		for i := range some {
			a, b, d := some[i], some[(i+1)%len(some)], some[(i+2)%len(some)]
			if x, y := fold(a, b), fold(b, a); !same(x, y) {
				return "it is not commutative", fmt.Sprintf("  a = %s\n  b = %s\n  a with b = %s\n  b with a = %s", show(a), show(b), show(x), show(y)), err
			}
			if x, y := fold(fold(a, b), d), fold(a, fold(b, d)); !same(x, y) {
				return "it is not associative", fmt.Sprintf("  a = %s\n  b = %s\n  c = %s\n  (a with b) with c = %s\n  a with (b with c) = %s",
					show(a), show(b), show(d), show(x), show(y)), err
			}
			if err != nil {
				return "", "", err
			}
		}
	}
	return "", "", err
}
