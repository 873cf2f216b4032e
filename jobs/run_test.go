package jobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/codec"
	"github.com/mrctl/mrctl/internal/rows"
	"github.com/mrctl/mrctl/internal/tsv"
)

type wordJob = Job[string, string, int64, Pair[string, int64]]

func countWords(_ context.Context, line string, emit func(string, int64)) error {
	for w := range Words(line) {
		emit(w, 1)
	}
	return nil
}

// input makes batches of lines, each batch given as one text.
func input(texts ...string) func() (*boundary.Input, error) {
	n := 0
	return func() (*boundary.Input, error) {
		if n == len(texts) {
			return nil, io.EOF
		}
		r := rows.Records{Data: []byte(texts[n]), Off: []int32{0}, Terminated: true}
		for at := 0; at < len(r.Data); {
			if i := strings.IndexByte(texts[n][at:], '\n'); i >= 0 {
				at += i + 1
			} else {
				at = len(r.Data)
			}
			r.Off = append(r.Off, int32(at))
		}
		n++
		return &boundary.Input{Number: uint64(n - 1), Records: r}, nil
	}
}

// mapped runs a map attempt and gives its batches.
func mapped(t testing.TB, s Stage, start *pluginv1.MapStart, texts ...string) ([]*boundary.Pairs, *pluginv1.Counters, error) {
	t.Helper()
	p, err := s.Program()
	if err != nil {
		t.Fatal(err)
	}
	var out []*boundary.Pairs
	c, err := p.Map(t.Context(), start, boundary.LocalMap{
		Next: input(texts...), Out: func(b *boundary.Pairs) error { out = append(out, b); return nil },
	})
	return out, c, err
}

// reduced runs a reduce attempt over batches and gives its rows.
func reduced(t testing.TB, s Stage, next func() (*boundary.Group, error)) (string, *pluginv1.Counters, error) {
	t.Helper()
	p, err := s.Program()
	if err != nil {
		t.Fatal(err)
	}
	var out []byte
	c, err := p.Reduce(t.Context(), &pluginv1.ReduceStart{}, boundary.LocalReduce{Next: next, Out: func(rec arrow.RecordBatch) error {
		out = tsv.Append(out, rec)
		return nil
	}})
	return string(out), c, err
}

func sums(t testing.TB, batches []*boundary.Pairs) map[string]int64 {
	vals, err := codec.For[int64]()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int64{}
	for _, b := range batches {
		for i := range b.Len() {
			v, err := vals.Decode(b.Val(i))
			if err != nil {
				t.Fatal(err)
			}
			got[string(b.Key(i))] += v
		}
	}
	return got
}

func TestTerminatorsAreStripped(t *testing.T) {
	var got []string
	job := wordJob{Name: "x", Map: func(_ context.Context, line string, _ func(string, int64)) error {
		got = append(got, line)
		return nil
	}}
	if _, _, err := mapped(t, job, &pluginv1.MapStart{}, "a\nb\r\n\n\r\nc\rd\n\r\r\n", "last\r"); err != nil {
		t.Fatal(err)
	}
	if want := []string{"a", "b", "", "", "c\rd", "\r", "last\r"}; !slices.Equal(got, want) {
		t.Errorf("lines are %q, want %q", got, want)
	}
}

// Strings given to the job stay as they were, whatever is read after them.
func TestStringsLiveForEver(t *testing.T) {
	var kept []string
	job := wordJob{Name: "x", Map: func(_ context.Context, line string, _ func(string, int64)) error {
		kept = append(kept, line)
		return nil
	}}
	var texts []string
	for i := range 50 {
		texts = append(texts, fmt.Sprintf("%d\n%s\n", i, strings.Repeat("x", i)))
	}
	if _, _, err := mapped(t, job, &pluginv1.MapStart{}, texts...); err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	for i := range 50 {
		if kept[2*i] != fmt.Sprint(i) || kept[2*i+1] != strings.Repeat("x", i) {
			t.Fatalf("line %d became %q, %q", i, kept[2*i], kept[2*i+1])
		}
	}
}

// Counts are right whether keys repeat or not, in little memory or much, with keys of all lengths.
func TestCombiningCountsRight(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	long := strings.Repeat("k", 5000)
	for name, distinct := range map[string]int{"few": 100, "many": 400_000} {
		for _, memory := range []uint64{1, 200 << 10, 64 << 20} {
			t.Run(fmt.Sprintf("%s/%d", name, memory), func(t *testing.T) {
				var text strings.Builder
				want := map[string]int64{}
				for i := range 120_000 {
					w := fmt.Sprint("w", rng.IntN(distinct))
					switch i % 1000 {
					case 0:
						w = long + w
					case 1:
						w = "something-longer-than-sixteen-" + w
					}
					want[w]++
					text.WriteString(w + "\n")
				}
				for _, c := range []Combiner[int64]{Sum[int64](), Count[int64](), combiners["fold"], combiners["queued"], {}} {
					batches, counters, err := mapped(t, wordJob{Name: "x", Map: countWords, Combine: c}, &pluginv1.MapStart{Memory: memory}, text.String())
					if err != nil {
						t.Fatal(err)
					}
					if got := sums(t, batches); !maps.Equal(got, want) {
						t.Fatalf("%d keys counted, want %d", len(got), len(want))
					}
					if counters.GetPairsOut() != 120_000 {
						t.Errorf("%d pairs", counters.GetPairsOut())
					}
					for _, b := range batches {
						if b.Bytes() > 2*boundary.BatchSize {
							t.Errorf("a batch of %d bytes", b.Bytes())
						}
					}
				}
			})
		}
	}
}

// Values that refer to memory are held in check too, and are the table's own.
func TestCombiningLargeValues(t *testing.T) {
	buf := make([]byte, 1000)
	job := Job[string, string, []byte, Pair[string, []byte]]{
		Name: "x",
		Map: func(_ context.Context, line string, emit func(string, []byte)) error {
			for i := range buf {
				buf[i] = line[0]
			}
			emit(line, buf)
			return nil
		},
		Combine: Fold(func(a, b []byte) []byte { return append(a, b...) }),
	}
	var text strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&text, "%c%d\n", 'a'+i%2, i%7)
	}
	batches, _, err := mapped(t, job, &pluginv1.MapStart{Memory: 2 << 20}, text.String())
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, b := range batches {
		for i := range b.Len() {
			total += len(b.Val(i))
			if want := strings.Repeat(string(b.Key(i)[:1]), len(b.Val(i))); string(b.Val(i)) != want {
				t.Fatalf("the value of %s is not what was emitted", b.Key(i))
			}
			if len(b.Val(i)) > 2<<20 {
				t.Errorf("a value of %d bytes was held", len(b.Val(i)))
			}
		}
	}
	if total != 5000*1000 {
		t.Errorf("%d bytes came out", total)
	}
}

func TestPartition(t *testing.T) {
	job := wordJob{Name: "x", Map: countWords, Combine: Sum[int64](), Partition: func(k string, n int) int { return len(k) % n }}
	batches, _, err := mapped(t, job, &pluginv1.MapStart{Partitions: 3}, "a bb ccc dddd a\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range batches {
		for i := range b.Len() {
			if int(b.Parts[i]) != len(b.Key(i))%3 {
				t.Errorf("%s is in partition %d", b.Key(i), b.Parts[i])
			}
		}
	}
	var kept []string
	job.Partition = func(k string, _ int) int { kept = append(kept, k); return 0 }
	if _, _, err := mapped(t, job, &pluginv1.MapStart{Partitions: 3}, "a bb ccc dddd a\n"); err != nil {
		t.Fatal(err)
	}
	slices.Sort(kept)
	if want := []string{"a", "bb", "ccc", "dddd"}; !slices.Equal(kept, want) {
		t.Errorf("the keys that Partition kept are %q", kept)
	}
	job.Partition = func(string, int) int { return 3 }
	if _, _, err = mapped(t, job, &pluginv1.MapStart{Partitions: 3}, "a\n"); err == nil || !strings.Contains(err.Error(), "Partition gave 3") {
		t.Errorf("a partition out of range: %v", err)
	}
}

func TestMapFailures(t *testing.T) {
	boom := errors.New("boom")
	cases := map[string]struct {
		f    func(line string) error
		want string
	}{
		"error":  {func(string) error { return boom }, "boom"},
		"panic":  {func(string) error { panic("at the disco") }, "panic: at the disco"},
		"range":  {func(line string) error { _ = line[len(line)]; return nil }, "index out of range"},
		"goexit": {func(string) error { runtime.Goexit(); return nil }, "Goexit"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			job := wordJob{Name: "x", Map: func(_ context.Context, line string, _ func(string, int64)) error {
				if line == "bad" {
					return c.f(line)
				}
				return nil
			}}
			_, _, err := mapped(t, job, &pluginv1.MapStart{}, "a\nb\n", "c\nd\nbad\ne\n")
			var f *boundary.Failure
			if !errors.As(err, &f) || !strings.Contains(f.Text, c.want) || !f.HasRecord || f.Batch != 1 || f.Row != 2 {
				t.Fatalf("the failure is %+v (%v)", f, err)
			}
			if name == "panic" && (!strings.Contains(f.Stack, "run_test.go") || strings.Contains(f.Stack, "mapRecords")) {
				t.Errorf("the stack is\n%s", f.Stack)
			}
		})
	}
}

func TestBadRecordsAndCounters(t *testing.T) {
	c := NewCounter("long_lines", "lines of more than 3 bytes")
	job := wordJob{Name: "x", Map: func(ctx context.Context, line string, emit func(string, int64)) error {
		if len(line) > 3 {
			c.Add(ctx, 1)
			return fmt.Errorf("line %q: %w", line, BadRecord(errors.New("too long")))
		}
		emit(line, 1)
		return nil
	}}
	_, counters, err := mapped(t, job, &pluginv1.MapStart{BadSamples: 2}, "abc\nabcd\nabcde\n", "x\nabcdef\n")
	if err != nil {
		t.Fatal(err)
	}
	if counters.GetBadRecords() != 3 || counters.GetRecordsIn() != 5 || counters.GetUser()["long_lines"] != 3 {
		t.Errorf("counted %v", counters)
	}
	s := counters.GetBadSamples()
	if len(s) != 2 || s[1].GetRow() != 2 || string(s[1].GetRecord()) != "abcde" || !strings.Contains(s[1].GetError(), "too long") {
		t.Errorf("samples are %v", s)
	}
	c.Add(context.Background(), 1) // nobody counts: no harm
	if BadRecord(nil) != nil {
		t.Error("BadRecord(nil) is an error")
	}
}

// groupsOf makes batches of (key, value) rows; a nil batch stands for a stream that breaks off.
func groupsOf(t testing.TB, batches ...[]Pair[string, int64]) func() (*boundary.Group, error) {
	vals, err := codec.For[int64]()
	if err != nil {
		t.Fatal(err)
	}
	last, n := "", 0
	return func() (*boundary.Group, error) {
		if n == len(batches) {
			return nil, io.EOF
		}
		b := batches[n]
		n++
		if b == nil {
			return nil, errBroken
		}
		g := &boundary.Group{Continues: n > 1 && b[0].Key == last}
		for _, p := range b {
			g.Append([]byte(p.Key), vals.Append(nil, p.Value))
			last = p.Key
		}
		return g, nil
	}
}

var errBroken = errors.New("the stream broke")

var rowsAB = [][]Pair[string, int64]{{{"a", 1}, {"a", 2}}, {{"a", 4}, {"b", 8}, {"b", 16}}, {{"b", 32}}, {{"c", 64}}}

func TestReduce(t *testing.T) {
	total := func(_ context.Context, k string, vs iter.Seq[int64], emit func(Pair[string, int64])) error {
		emit(Pair[string, int64]{k, Sum[int64]().Fold(vs)})
		return nil
	}
	first := func(_ context.Context, k string, vs iter.Seq[int64], emit func(Pair[string, int64])) error {
		for v := range vs {
			emit(Pair[string, int64]{k, v})
			break
		}
		return nil
	}
	none := func(context.Context, string, iter.Seq[int64], func(Pair[string, int64])) error { return nil }
	twice := func(_ context.Context, k string, vs iter.Seq[int64], emit func(Pair[string, int64])) error {
		all, again := Sum[int64]().Fold(vs), Sum[int64]().Fold(vs)
		emit(Pair[string, int64]{k, all + 1000*again})
		return nil
	}
	for name, c := range map[string]struct {
		job  wordJob
		want string
	}{
		"streams across batches":   {wordJob{Reduce: total}, "a\t7\nb\t56\nc\t64\n"},
		"left early":               {wordJob{Reduce: first}, "a\t1\nb\t8\nc\t64\n"},
		"values not looked at":     {wordJob{Reduce: none}, ""},
		"a second range is empty":  {wordJob{Reduce: twice}, "a\t7\nb\t56\nc\t64\n"},
		"folded without a Reduce":  {wordJob{Combine: Max[int64]()}, "a\t4\nb\t32\nc\t64\n"},
		"counts are added":         {wordJob{Combine: Count[int64]()}, "a\t7\nb\t56\nc\t64\n"},
		"as it is, without either": {wordJob{}, "a\t1\na\t2\na\t4\nb\t8\nb\t16\nb\t32\nc\t64\n"},
	} {
		t.Run(name, func(t *testing.T) {
			c.job.Name, c.job.Map = "x", countWords
			got, counters, err := reduced(t, c.job, groupsOf(t, rowsAB...))
			if err != nil || got != c.want {
				t.Errorf("rows are %q, want %q (%v)", got, c.want, err)
			}
			if counters.GetGroupsIn() != 3 || counters.GetRowsOut() != uint64(strings.Count(c.want, "\n")) {
				t.Errorf("counted %v", counters)
			}
		})
	}
}

func TestReduceFailures(t *testing.T) {
	reduce := func(f func(k string, vs iter.Seq[int64]) error) wordJob {
		return wordJob{Name: "x", Map: countWords, Reduce: func(_ context.Context, k string, vs iter.Seq[int64], emit func(Pair[string, int64])) error {
			err := f(k, vs)
			emit(Pair[string, int64]{k, 0})
			return err
		}}
	}
	_, _, err := reduced(t, reduce(func(k string, _ iter.Seq[int64]) error {
		if k == "b" {
			panic("b is bad")
		}
		return nil
	}), groupsOf(t, rowsAB...))
	var f *boundary.Failure
	if !errors.As(err, &f) || string(f.Key) != "b" || !strings.Contains(f.Text, "b is bad") || f.Stack == "" {
		t.Errorf("a panic is %+v (%v)", f, err)
	}
	// A stream that breaks off is told as that, whatever Reduce says, and even if it swallows the end of its values.
	broken := append(slices.Clone(rowsAB[:2]), nil)
	for name, f := range map[string]func(string, iter.Seq[int64]) error{
		"swallowed": func(_ string, vs iter.Seq[int64]) error {
			for range vs {
			}
			return nil
		},
		"reported": func(k string, vs iter.Seq[int64]) error {
			for range vs {
			}
			if k == "a" {
				return nil
			}
			return errors.New("too few values")
		},
		"unseen": func(string, iter.Seq[int64]) error { return nil },
	} {
		if _, _, err := reduced(t, reduce(f), groupsOf(t, broken...)); !errors.Is(err, errBroken) {
			t.Errorf("%s: a broken stream is %v", name, err)
		}
	}
}

// A large result leaves in batches.
func TestReduceSendsInBatches(t *testing.T) {
	job := wordJob{Name: "x", Map: countWords}
	p, err := job.Program()
	if err != nil {
		t.Fatal(err)
	}
	var batches int
	var total int64
	n := 0
	_, err = p.Reduce(t.Context(), &pluginv1.ReduceStart{}, boundary.LocalReduce{
		Next: func() (*boundary.Group, error) {
			if n++; n > 20 {
				return nil, io.EOF
			}
			g := &boundary.Group{}
			for i := range 10_000 {
				g.Append(fmt.Appendf(nil, "%02d-%08d", n, i), []byte{0x80, 0, 0, 0, 0, 0, 0, 1})
			}
			return g, nil
		},
		Out: func(rec arrow.RecordBatch) error {
			batches++
			total += rec.NumRows()
			return nil
		},
	})
	if err != nil || total != 200_000 || batches < 4 || batches > 40 {
		t.Errorf("%d rows in %d batches (%v)", total, batches, err)
	}
}
