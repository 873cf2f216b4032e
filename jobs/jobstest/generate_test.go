package jobstest

import (
	"context"
	"errors"
	"iter"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/mrctl/mrctl/jobs"
)

func lines(t *testing.T) *kind {
	t.Helper()
	k, err := kindOf[string]()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

type visit struct {
	At   time.Time
	Path string
	Ms   int32
	Ref  *string
	Tags []string
	place2
}

type place2 struct{ City string }

func TestGenerate(t *testing.T) {
	a, b := generate([]string{"key=value other"}, 200, 7), generate([]string{"key=value other"}, 200, 7)
	if !slices.Equal(a, b) {
		t.Error("the same seed gives other records")
	}
	if slices.Equal(a, generate([]string{"key=value other"}, 200, 8)) {
		t.Error("another seed gives the same records")
	}
	for what, has := range map[string]func(string) bool{
		"an empty one":          func(s string) bool { return s == "" },
		"one that is not UTF-8": func(s string) bool { return !utf8.ValidString(s) },
		"a long one":            func(s string) bool { return len(s) > 4000 },
		"a piece of one given":  func(s string) bool { return strings.HasPrefix(s, "key=") && s != "key=value other" },
	} {
		if !slices.ContainsFunc(a, has) {
			t.Errorf("there is not %s among 200 records", what)
		}
	}
	if slices.ContainsFunc(a, func(s string) bool { return strings.Contains(s, "\n") }) {
		t.Error("a line has a line end within")
	}
	seen := map[string]bool{}
	for _, v := range generate([]visit{{Path: "/a"}}, 200, 1) {
		seen["nil"] = seen["nil"] || v.Ref == nil
		seen["pointer"] = seen["pointer"] || v.Ref != nil
		seen["tags"] = seen["tags"] || len(v.Tags) > 1
		seen["city"] = seen["city"] || v.City != ""
		seen["time"] = seen["time"] || !v.At.IsZero()
		seen["given"] = seen["given"] || v.Path == "/a"
	}
	if len(seen) != 6 || slices.Contains([]bool{seen["nil"], seen["pointer"], seen["tags"], seen["city"], seen["time"], seen["given"]}, false) {
		t.Errorf("structs have %v", seen)
	}
}

// TestSmallest: the records that show a violation are as few and as simple as can be.
func TestSmallest(t *testing.T) {
	longest := func(a, b string) string { // of two of one length the first
		if len(b) > len(a) {
			return b
		}
		return a
	}
	job := jobs.Job[string, string, string, jobs.Pair[string, string]]{
		Name: "x", Combine: jobs.Fold(longest),
		Map: func(_ context.Context, line string, emit func(string, string)) error {
			for w := range jobs.Words(line) {
				emit(w[:1], w)
			}
			return nil
		},
	}
	p, err := job.Program()
	if err != nil {
		t.Fatal(err)
	}
	o := options{kind: lines(t)}
	v := combineLaws(t.Context(), job.Combine, p, encoded([]string{"alpha beta", "to be or not to be", "gamma bald brag"}, o.kind), o)
	if v == nil {
		t.Fatal("it passes for commutative")
	}
	if len(v.records) != 1 || len(v.records[0]) > len("aa ab") || !strings.Contains(v.String(), "it is not commutative") {
		t.Errorf("the report is\n%s", v)
	}
	t.Log(v)
}

func TestPanicsOnOddRecords(t *testing.T) {
	first := func(_ context.Context, v visit, emit func(string, int64)) error {
		if v.Ms < 0 {
			return errors.New("time runs backwards") // its right: such records are left out
		}
		emit(v.Path[:1], 1)
		return nil
	}
	job := jobs.Job[visit, string, int64, jobs.Pair[string, int64]]{Name: "x", Map: first, Combine: jobs.Sum[int64]()}
	p, err := job.Program()
	if err != nil {
		t.Fatal(err)
	}
	k, err := kindOf[visit]()
	if err != nil {
		t.Fatal(err)
	}
	made := encoded(generate([]visit{{Path: "/a", Ms: 3}}, 60, 1), k)
	_, v := bearable(t.Context(), p, made, options{kind: k})
	if v == nil {
		t.Fatal("no record is found that makes it panic")
	}
	s := v.String()
	for _, want := range []string{"any record", "over these 1 records", "slice bounds out of range", `"path":""`, `"ms":0`, `"ref":null`, `"tags":[]`, `"city":""`} {
		if !strings.Contains(s, want) {
			t.Errorf("the report has no %s:\n%s", want, s)
		}
	}
}

func TestLawsOfStructs(t *testing.T) {
	job := jobs.Job[visit, string, int64, jobs.Pair[string, int64]]{
		Name: "x", Combine: jobs.Sum[int64](),
		Map: func(_ context.Context, v visit, emit func(string, int64)) error {
			if v.Ms < 0 {
				return errors.New("time runs backwards")
			}
			emit(v.Path, int64(v.Ms))
			return nil
		},
		Reduce: func(_ context.Context, path string, ms iter.Seq[int64], emit func(jobs.Pair[string, int64])) error {
			var sum int64
			for n := range ms {
				sum += n
			}
			emit(jobs.Pair[string, int64]{Key: path, Value: sum})
			return nil
		},
	}
	ref := "x"
	Laws(t, job, []visit{{Path: "/a", Ms: 3, At: time.Unix(0, 0)}, {Path: "/b", Ref: &ref, Tags: []string{"t"}}, {}})
}

func TestSimplerStructs(t *testing.T) {
	v := visit{Path: "/some/path", Ms: 7, Tags: []string{"a", "b"}, place2: place2{"Rome"}}
	for simpler(reflect.ValueOf(&v).Elem(), func() bool { return strings.Contains(v.Path, "me") && v.Ms != 0 }) {
	}
	if want := (visit{Path: "me", Ms: 7}); !reflect.DeepEqual(v, want) {
		t.Errorf("made as simple as %+v", v)
	}
}
