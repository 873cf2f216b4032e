package jobs

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/codec"
	"github.com/mrctl/mrctl/internal/tsv"
)

// access is a key and a value, written key|value.
type access struct {
	Host string
	Port *int32
}

func accessJob(by func(access, string) []byte) Job[string, access, string, Pair[string, string]] {
	return Job[string, access, string, Pair[string, string]]{
		Name: "visits", SortBy: by,
		Map: func(_ context.Context, line string, emit func(access, string)) error {
			key, val, _ := strings.Cut(line, "|")
			v := access{Host: key}
			if len(key)%2 == 1 {
				port := int32(len(key))
				v.Port = &port
			}
			emit(v, val)
			return nil
		},
		Reduce: func(_ context.Context, k access, values iter.Seq[string], emit func(Pair[string, string])) error {
			emit(Pair[string, string]{fmt.Sprintf("%x", k.Host), strings.Join(slices.Collect(values), " ")})
			return nil
		},
	}
}

// reduceBy runs a job over lines in this process, with batches of a few rows between map and reduce.
func reduceBy(t *testing.T, s Stage, rowsOfBatch int, lines ...string) string {
	t.Helper()
	p, err := s.Program()
	if err != nil {
		t.Fatal(err)
	}
	batches, _, err := mapped(t, s, &pluginv1.MapStart{Partitions: 3}, strings.Join(lines, "\n"))
	if err != nil {
		t.Fatal(err)
	}
	next := sorted(batches)
	all, err := next()
	if err != nil {
		t.Fatal(err)
	}
	at := 0
	var out []byte
	_, err = p.Reduce(t.Context(), &pluginv1.ReduceStart{}, boundary.LocalReduce{
		Next: func() (*boundary.Group, error) {
			if at == all.Len() {
				return next()
			}
			g := &boundary.Group{Continues: at > 0 && string(all.Key(at)) == string(all.Key(at-1))}
			for ; at < all.Len() && g.Len() < rowsOfBatch; at++ {
				g.Append(all.Key(at), all.Val(at))
			}
			return g, nil
		},
		Out: func(rec arrow.RecordBatch) error { out = tsv.Append(out, rec); return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestSortByOrdersTheValuesOfAKey(t *testing.T) {
	lines := []string{
		"b|3", "a|30", "ab|2", "a|4", "a\x00|9", "|8", "a|100", "b|1", "ab|11", "a|30", "a\x00b|5", "|7", "a\xff|1",
	}
	number := func(_ access, v string) int {
		n := 0
		_, _ = fmt.Sscan(v, &n)
		return n
	}
	for name, c := range map[string]struct {
		by   func(access, string) []byte
		want string
	}{
		"ascending":  {Ascending(number), "|7 8;a|4 30 30 100;a\x00|9;a\x00b|5;ab|2 11;a\xff|1;b|1 3;"},
		"descending": {Descending(number), "|8 7;a|100 30 30 4;a\x00|9;a\x00b|5;ab|11 2;a\xff|1;b|3 1;"},
		"text":       {func(_ access, v string) []byte { return []byte(v) }, "|7 8;a|100 30 30 4;a\x00|9;a\x00b|5;ab|11 2;a\xff|1;b|1 3;"},
		"longest":    {Descending(func(_ access, v string) string { return v }), "|8 7;a|4 30 30 100;a\x00|9;a\x00b|5;ab|2 11;a\xff|1;b|3 1;"},
	} {
		for _, batch := range []int{1, 2, 100} {
			got := ""
			for row := range strings.Lines(reduceBy(t, accessJob(c.by), batch, lines...)) {
				cells := strings.Split(strings.TrimSuffix(row, "\n"), "\t")
				got += cells[0] + "|" + cells[len(cells)-1] + ";"
			}
			if want := hexHosts(c.want); got != want {
				t.Errorf("%s, %d rows a batch:\n%q, want\n%q", name, batch, got, want)
			}
		}
	}
}

// hexHosts writes the hosts of rows as the job does.
func hexHosts(rows string) (out string) {
	for row := range strings.SplitSeq(strings.TrimSuffix(rows, ";"), ";") {
		host, rest, _ := strings.Cut(row, "|")
		out += fmt.Sprintf("%x|%s;", host, rest)
	}
	return out
}

// TestSortByPartitionsByTheKey holds a key's partition to be what it is without SortBy.
func TestSortByPartitionsByTheKey(t *testing.T) {
	plain, err := codec.ForKey[string]()
	if err != nil {
		t.Fatal(err)
	}
	job := Job[string, string, int64, string]{
		Name: "x", Map: countWords, SortBy: Ascending(func(k string, v int64) string { return k + k }),
		Reduce: func(_ context.Context, k string, values iter.Seq[int64], emit func(string)) error {
			emit(k)
			return nil
		},
	}
	for _, own := range []func(string, int) int{nil, func(k string, n int) int { return len(k) % n }} {
		job.Partition = own
		batches, _, err := mapped(t, job, &pluginv1.MapStart{Partitions: 5}, "to be or not to be that is the question")
		if err != nil {
			t.Fatal(err)
		}
		rows := 0
		for _, b := range batches {
			for i := range b.Len() {
				word, _, _ := strings.Cut(string(b.Key(i)), "\x00\x00")
				want := codec.Partition(plain.Append(nil, word), 5)
				if own != nil {
					want = own(word, 5)
				}
				if rows++; int(b.Parts[i]) != want {
					t.Errorf("%q is in partition %d, want %d", word, b.Parts[i], want)
				}
			}
		}
		if rows != 10 {
			t.Errorf("%d pairs", rows)
		}
	}
	job.Partition = func(string, int) int { return 7 }
	if _, _, err := mapped(t, job, &pluginv1.MapStart{Partitions: 5}, "x"); err == nil || !strings.Contains(err.Error(), "Partition gave 7") {
		t.Errorf("a partition that there is not: %v", err)
	}
}

// TestSortByNamesTheKey holds an error of Reduce to name the key it was at.
func TestSortByNamesTheKey(t *testing.T) {
	job := accessJob(Ascending(func(_ access, v string) string { return v }))
	p, err := job.Program()
	if err != nil {
		t.Fatal(err)
	}
	schema, err := codec.UnmarshalSchema(p.Describe().GetKeySchema())
	if err != nil {
		t.Fatal(err)
	}
	batches, _, err := mapped(t, job, &pluginv1.MapStart{}, "ab|x")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := codec.KeyText(schema.Fields(), batches[0].Key(0)), `{"host":"ab","port":null,"sort_by":"eAAAAAA="}`; got != want {
		t.Errorf("the key is shown as %s, want %s", got, want)
	}
	if !p.Describe().GetHasPartition() || !p.Describe().GetHasReduce() {
		t.Error("the engine is not told that the plugin partitions and reduces")
	}
}

func TestWhatCannotBeSortedBy(t *testing.T) {
	defer func() {
		if r := recover(); r == nil || !strings.Contains(fmt.Sprint(r), "jobs.Descending: values cannot be sorted by that") {
			t.Errorf("it panics with %v", r)
		}
	}()
	Descending(func(string, int) []string { return nil })
}
