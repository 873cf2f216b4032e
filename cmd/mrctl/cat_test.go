package main

import (
	"os"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/mrctl/mrctl/storage/local"
	"github.com/mrctl/mrctl/storage/output"
)

// result writes a result of two parts of two rows each into a folder.
func result(t *testing.T, dir string, f output.Format) {
	t.Helper()
	store, err := local.New(dir, local.Options{})
	if err != nil {
		t.Fatal(err)
	}
	schema := arrow.NewSchema([]arrow.Field{{Name: "word", Type: arrow.BinaryTypes.String}, {Name: "n", Type: arrow.PrimitiveTypes.Int64}}, nil)
	m := output.Manifest{Job: "j"}
	for i, words := range [][]string{{"a", "b\t"}, {"c", "d"}} {
		b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		b.Field(0).(*array.StringBuilder).AppendValues(words, nil)
		b.Field(1).(*array.Int64Builder).AppendValues([]int64{int64(i), 7}, nil)
		p, err := output.NewPart(t.Context(), store, output.PartName(i, f), f, schema, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Write(b.NewRecordBatch()); err != nil {
			t.Fatal(err)
		}
		staged, err := p.Stage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := output.Publish(t.Context(), store, []output.Staged{staged}); err != nil {
			t.Fatal(err)
		}
		m.Parts = append(m.Parts, output.ManifestPart{Key: staged.Key})
	}
	if err := output.Succeed(t.Context(), store, m); err != nil {
		t.Fatal(err)
	}
}

func TestCat(t *testing.T) {
	atHome(t)
	tsv := "a\t0\nb\\t\t7\nc\t1\nd\t7\n"
	json := `{"word":"a","n":0}` + "\n" + `{"word":"b\t","n":7}` + "\n" + `{"word":"c","n":1}` + "\n" + `{"word":"d","n":7}` + "\n"
	csv := "word,n\na,0\n\"b\t\",7\nc,1\nd,7\n"
	for f, want := range map[output.Format][2]string{ // as it is printed, with --json; "": refused
		output.TSV: {tsv, ""}, "tsv.gz": {tsv, ""}, output.CSV: {csv, ""}, "csv.zst": {csv, ""}, "jsonl.zst": {json, json},
		output.Parquet: {tsv, json}, output.Arrow: {tsv, json},
	} {
		dir := "out." + string(f)
		result(t, dir, f)
		for i, flags := range [][]string{nil, {"--json"}} {
			out, errOut, code := mrctl(t, servers{}, append([]string{"cat", dir}, flags...)...)
			if want[i] == "" && code == exitUsage && strings.Contains(errOut, "does not say what its columns are") {
				continue
			}
			if code != 0 || out != want[i] {
				t.Errorf("%s %v: exit %d, %q\n%s", f, flags, code, out, errOut)
			}
		}
		head := strings.Join(strings.SplitAfter(want[0], "\n")[:3+strings.Count(string(f.Base()), "csv")], "")
		if out, errOut, code := mrctl(t, servers{}, "cat", "-n", "3", dir); code != 0 || out != head {
			t.Errorf("%s, 3 rows: exit %d, %q\n%s", f, code, out, errOut)
		}
		if out, _, code := mrctl(t, servers{}, "cat", "-n", "1", dir+"/"+output.PartName(1, f)); code != 0 || !strings.Contains(out, "c") || strings.Contains(out, "d\t7") {
			t.Errorf("%s, one part: exit %d, %q", f, code, out)
		}
	}
	if err := os.Mkdir("unfinished", 0o700); err != nil {
		t.Fatal(err)
	}
	for _, uri := range []string{"unfinished", "nowhere", "nowhere.csv"} {
		if _, errOut, code := mrctl(t, servers{}, "cat", uri); code != exitUsage || !strings.Contains(errOut, "neither a file") {
			t.Errorf("%s: exit %d\n%s", uri, code, errOut)
		}
	}
}
