package dataset

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/mrctl/mrctl/storage"
)

// anySplit draws a split; each field of a piece is sometimes set, also those that will be added one day.
func anySplit(r *rand.Rand) Split {
	texts := []string{"", "/in/a.txt", "s3://b/k", `a"b`, `back\slash`, "ä", "<&>", "\xff", "tab\t", "\x7f", "gzip"}
	s := Split{Bytes: r.Int64()}
	for range r.IntN(5) {
		var p Piece
		v := reflect.ValueOf(&p).Elem()
		for i := range v.NumField() {
			switch f := v.Field(i); {
			case r.IntN(3) == 0:
			case f.CanInt():
				f.SetInt(r.Int64N(1 << r.IntN(63)))
			case f.Kind() == reflect.String:
				f.SetString(texts[r.IntN(len(texts))])
			}
		}
		s.Pieces = append(s.Pieces, p)
	}
	if r.IntN(2) == 0 {
		s.Input = r.IntN(20)
	}
	return s
}

// TestSplitsEqualJSON: whatever is written is read back as encoding/json reads it.
func TestSplitsEqualJSON(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		list := make([]Split, 1+r.IntN(3))
		for i := range list {
			list[i] = anySplit(r)
		}
		b, err := json.Marshal(list)
		if err != nil {
			t.Fatal(err)
		}
		var want []Split
		if err := json.Unmarshal(b, &want); err != nil {
			t.Fatal(err)
		}
		if got, err := parseSplits(b); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%v: %s\n got %+v\nwant %+v", err, b, got, want)
		}
	}
}

// TestCommonSplitsAreFast: the shape that is written for files is the one that is read without reflection.
func TestCommonSplitsAreFast(t *testing.T) {
	b, err := json.Marshal([]Split{manyPieces(3), manyPieces(1)})
	if err != nil {
		t.Fatal(err)
	}
	got, ok := (&splitText{string(b)}).splits()
	if !ok || !reflect.DeepEqual(got, []Split{manyPieces(3), manyPieces(1)}) {
		t.Errorf("%v %+v", ok, got)
	}
}

// FuzzParseSplits: nothing is read that encoding/json reads otherwise.
func FuzzParseSplits(f *testing.F) {
	b, _ := json.Marshal([]Split{manyPieces(2), {}})
	f.Add(b)
	f.Add([]byte(`[{"pieces":[{"uri":"a","size":01,"version":"","len":1}],"bytes":1}]`))
	f.Add([]byte(`[{"pieces":[{"uri":"a","size":1,"version":"","len":1}],"bytes":99999999999999999999}] `))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := parseSplits(b)
		var want []Split
		plain := json.Unmarshal(b, &want)
		if (err == nil) != (plain == nil) || err == nil && !reflect.DeepEqual(got, want) {
			t.Errorf("%v %+v, want %v %+v", err, got, plain, want)
		}
	})
}

func manyPieces(n int) (s Split) {
	for i := range n {
		s.Pieces = append(s.Pieces, Piece{URI: fmt.Sprintf("/data/logs/2026/11/part-%05d.txt", i), Size: 3200, Len: 3200,
			Version: storage.Version(fmt.Sprintf("1a2b3c-%x-17a2b3c4d5e6f-17a2b3c4d5e6f", i))})
		s.Bytes += 3200
	}
	return s
}

func BenchmarkSplits(b *testing.B) {
	chunk, err := json.Marshal([]Split{manyPieces(10_000)})
	if err != nil {
		b.Fatal(err)
	}
	for name, f := range map[string]func() error{
		"parse":     func() (err error) { _, err = parseSplits(chunk); return },
		"unmarshal": func() error { var l []Split; return json.Unmarshal(chunk, &l) },
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(chunk)))
			for b.Loop() {
				if err := f(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
