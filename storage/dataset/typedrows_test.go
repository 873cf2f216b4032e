package dataset

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/mrctl/mrctl/internal/codec"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/rows"
)

type person struct {
	Name string
	N    int64
}

// found is a row with its place.
type found struct {
	person
	object string
	off    int64
}

// readRows reads splits of rows, in buffers of n bytes and few rows.
func readRows(t *testing.T, src Sources, splits []Split, opt Options, n int) (out []found, bad []string, err error) {
	t.Helper()
	c, err := codec.For[person]()
	if err != nil {
		t.Fatal(err)
	}
	opt.Batch = n
	opt.Buffer = func(n int) *rows.Records { return &rows.Records{Data: make([]byte, 0, n), Off: make([]int32, 0, 4)} }
	opt.OnBad = func(_ string, off int64, _ []byte, err error) { bad = append(bad, fmt.Sprint(off)) }
	for _, s := range splits {
		r, err := OpenRows(t.Context(), src, s, opt, c.Fields())
		if err != nil {
			return nil, nil, err
		}
		for {
			b, err := r.Next(t.Context())
			if err == io.EOF {
				break
			}
			if err != nil {
				return out, bad, errors.Join(err, r.Close())
			}
			for i := range b.Len() {
				v, err := c.Decode(b.Data[b.Off[i]:b.Off[i+1]])
				object, off, _ := b.Where(i)
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, found{v, object, off})
			}
		}
		if r.Read() != s.Bytes {
			t.Errorf("Read() = %d after %d bytes", r.Read(), s.Bytes)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return out, bad, nil
}

// TestRowsSplitAnywhere: whatever the size of a split, each row is read once and in order, with its place. Two objects of
// the same columns in another order lie in each, and a line that is bad.
func TestRowsSplitAnywhere(t *testing.T) {
	const multi = "\xef\xbb\xbfname,other,n\r\nann,x,1\r\n\"b \"\"\r\n,b\",,2\r\n\r\nbad,,no\r\n\"c\n\n\nc\",y,3\nd,\"\",4"
	const plain = "n,name\n1,ann\r\n22,\"b,\"\"b\"\n\nno,bad\n3,\n4,d"
	const objects = `{"name":"ann","n":1}` + "\r\n" + `{"n":2,"o":{"n":[7]},"name":"b\nb"}` + "\n\n" + `{"name":3}` + "\n" + `{"n":4,"name":"d"}`
	for _, x := range []struct {
		name, format, text string
		want               []person
		cut                bool
	}{
		{"a.csv", "auto", multi, []person{{"ann", 1}, {"b \"\r\n,b", 2}, {"c\n\n\nc", 3}, {"d", 4}}, false},
		{"a.csv", "csv:lines", plain, []person{{"ann", 1}, {"b,\"b", 22}, {"", 3}, {"d", 4}}, true},
		{"a.jsonl", "auto", objects, []person{{"ann", 1}, {"b\nb", 2}, {"d", 4}}, true},
		{"a.tsv", "auto:no-header,lines", "ann\t1\nb\t2\nx\n\"d\"\t4\n", []person{{"ann", 1}, {"b", 2}, {"d", 4}}, true},
	} {
		second := "z" + x.name[1:]
		b := newBucket(map[string]string{x.name: x.text, second: x.text})
		one := wantPlaces(t, b, x.name, x.format, x.want)
		want := slices.Concat(one, wantPlaces(t, b, second, x.format, x.want))
		for size := 1; size <= 2*len(x.text)+1; size++ {
			var warned []string
			splits := planAll(t, PlanOptions{Format: x.format, SplitSize: int64(size), Warn: func(s string) { warned = append(warned, s) }},
				b.object(t, x.name), b.object(t, second))
			small := size < len(x.text)/2
			if x.cut && small && len(splits) <= 2 || !x.cut && (len(splits) > 2 || small && len(warned) != 2) {
				t.Fatalf("%s: %d splits of %d bytes, warned %q", x.format, len(splits), size, warned)
			}
			got, bad, err := readRows(t, b, splits, Options{Format: x.format}, 1+size%40)
			if err != nil || !slices.Equal(got, want) || len(bad) != 2 {
				t.Fatalf("%s by %d: %v\n%+v\nwant\n%+v\nbad %v", x.format, size, err, got, want, bad)
			}
		}
	}
}

// wantPlaces reads an object in one go, checks the rows, and where they begin by reading on from there.
func wantPlaces(t *testing.T, b *bucket, name, format string, want []person) []found {
	t.Helper()
	got, _, err := readRows(t, b, planAll(t, PlanOptions{Format: format, SplitSize: 1 << 20}, b.object(t, name)), Options{Format: format}, 1<<10)
	if err != nil || len(got) != len(want) {
		t.Fatalf("%s: %v, %v", name, got, err)
	}
	for i, f := range got {
		text := b.objects[name][f.off:]
		begins := strings.Trim(strings.SplitN(f.Name, " ", 2)[0], "\n")
		if f.person != want[i] || f.object != "mem://b/"+name || !strings.Contains(text[:min(len(text), 40)], begins[:min(1, len(begins))]) ||
			f.off > 0 && b.objects[name][f.off-1] != '\n' {
			t.Fatalf("%+v, want %+v", f, want[i])
		}
	}
	return got
}

func TestCheckColumns(t *testing.T) {
	c, err := codec.For[person]()
	if err != nil {
		t.Fatal(err)
	}
	b := newBucket(map[string]string{"ok.csv": "name,n\n", "less.csv": "name,m\n1,2\n", "x.txt": "", "a.jsonl": "{", "no.csv": "", "no.csv.gz": gzipped(t, ""), "blank.csv": "\n"})
	for _, x := range []struct{ key, format, want string }{
		{"ok.csv", "auto", ""}, {"no.csv", "csv", ""}, {"no.csv.gz", "auto", ""}, {"blank.csv", "auto", "it has no header"}, {"a.jsonl", "auto", ""}, {"x.txt", "csv", ""}, {"less.csv", "csv:no-header", ""},
		{"less.csv", "auto", "it has no column n; its header names name, m"}, {"x.txt", "auto", "its name ends in none of"},
	} {
		err := CheckColumns(t.Context(), b, []Object{b.object(t, x.key)}, x.format, "auto", c.Fields())
		if (x.want == "") != (err == nil) || err != nil && (!errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), x.want) || !strings.Contains(err.Error(), x.key)) {
			t.Errorf("%v: %v", x, err)
		}
	}
}

// TestColumnsOfAStoreThatIsAway: what cannot be read just now is not wrong.
// TestBadRowsAreTold: what is no row is told with its text, without the line's end.
func TestBadRowsAreTold(t *testing.T) {
	b := newBucket(map[string]string{
		"a.jsonl": `{"name":"ann","n":1}` + "\n" + `{"name":"bob","n":"x"}` + "\r\n" + `{"name":` + "\n", "b.csv": "name,n\nann,1\nbob,x\ncy,2",
	})
	c, err := codec.For[person]()
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string][]string{"a.jsonl": {`{"name":"bob","n":"x"}`, `{"name":`}, "b.csv": {"bob,x"}} {
		var told []string
		opt := Options{Format: "auto", OnBad: func(_ string, _ int64, record []byte, _ error) { told = append(told, string(record)) }}
		o := b.object(t, key)
		p := Piece{URI: o.URI, Size: o.Size, Version: o.Version, Len: o.Size}
		r, err := OpenRows(t.Context(), b, Split{Pieces: []Piece{p}, Bytes: p.Len}, opt, c.Fields())
		if err != nil {
			t.Fatal(err)
		}
		for err == nil {
			_, err = r.Next(t.Context())
		}
		if err != io.EOF || !slices.Equal(told, want) {
			t.Errorf("%s: %q, want %q (%v)", key, told, want, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestColumnsOfAStoreThatIsAway(t *testing.T) {
	c, err := codec.For[person]()
	if err != nil {
		t.Fatal(err)
	}
	schema, batches, _ := people(1)
	files := tables(t, schema, batches)
	files["a.csv"], files["b.csv.gz"] = "name,n\n", gzipped(t, "name,n\n")
	b := newBucket(files)
	for key := range files {
		b.fail = nil
		o := []Object{b.object(t, key)}
		b.fail = func(string, string) error { return errs.New(errs.Unavailable, "503 slow down") }
		if err := CheckColumns(t.Context(), b, o, "auto", "auto", c.Fields()); !errs.Is(err, errs.Unavailable) || !strings.Contains(err.Error(), key) {
			t.Errorf("%s: %v: %v", key, errs.KindOf(err), err)
		}
	}
}

func TestFormatFor(t *testing.T) {
	for _, x := range []struct {
		name string
		rows bool
		want string
	}{{"", true, "auto"}, {"", false, ""}, {"lines", true, "!"}, {"csv", false, "!"}, {"csv:delimiter=;,lines", true, "csv:delimiter=;,lines"},
		{"csv:delimiter=ab", true, "!"}, {"tsv:what", true, "!"}, {"jsonl", true, "jsonl"}, {"whole", false, "whole"}, {"records:0", false, "!"}} {
		got, err := FormatFor(x.name, x.rows)
		if x.want == "!" && !errs.Is(err, errs.Invalid) || x.want != "!" && (err != nil || got != x.want) {
			t.Errorf("%+v: %q, %v", x, got, err)
		}
	}
}

// A record of many batches is looked through a few times and not once for each, which would take minutes; what follows
// it is read, and a quote that is never closed is found out when the record is longer than any may be.
func TestCSVRecordOfManyBatches(t *testing.T) {
	long := strings.Repeat(strings.Repeat("\"\"", 500)+"\n", 3<<10)
	b := newBucket(map[string]string{"a.csv": "name,n\nx,1\n\"" + long + "\",2\ny,3\n", "b.csv": "n,name\n4,z\n", "open.csv": "name,n\nx,1\n\"" + long})
	opt := Options{Format: "auto"}
	read := func(keys ...string) ([]found, error) {
		var objects []Object
		for _, key := range keys {
			objects = append(objects, b.object(t, key))
		}
		got, bad, err := readRows(t, b, planAll(t, PlanOptions{Format: "auto", SplitSize: 1 << 30}, objects...), opt, 4<<10)
		if len(bad) > 0 {
			t.Errorf("bad %v", bad)
		}
		return got, err
	}
	got, err := read("a.csv", "b.csv")
	if err != nil || len(got) != 4 || got[1].Name != strings.ReplaceAll(long, `""`, `"`) || got[2].person != (person{"y", 3}) || got[3].person != (person{"z", 4}) {
		t.Errorf("%d rows, %v", len(got), err)
	}
	if _, err := read("open.csv"); err == nil || !strings.Contains(err.Error(), "not closed") {
		t.Errorf("%v", err)
	}
	opt.MaxRecord = 1 << 20
	if _, err := read("open.csv"); err == nil || !strings.Contains(err.Error(), "longer than the largest record") {
		t.Errorf("%v", err)
	}
}
