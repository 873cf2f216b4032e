package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"

	"github.com/mrctl/mrctl/integration/reference"
)

// TestArrowOutput reads the parts of a word count back as Arrow files: columns by name and type, rows as counted.
func TestArrowOutput(t *testing.T) {
	ctx := deadline(t, time.Minute)
	tree, out := textTree(t, 3, 500), filepath.Join(t.TempDir(), "out")
	const parts = 3
	r := mrctl(t, ctx, "run", wordcount(t), tree, "-o", out, "--output-format", "arrow", "--partitions", fmt.Sprint(parts), "--quiet")
	if r.Code != 0 {
		t.Fatalf("exit %d\n%s", r.Code, r.Err)
	}
	var got []string
	for i := range parts {
		f, err := os.Open(filepath.Join(out, fmt.Sprintf("part-%05d.arrow", i)))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		file, err := ipc.NewFileReader(f)
		if err != nil {
			t.Fatal(err)
		}
		if s := file.Schema(); s.NumFields() != 2 || s.Field(0).Name != "key" || s.Field(1).Name != "value" {
			t.Fatalf("columns are %v", s)
		}
		for i := range file.NumRecords() {
			b, err := file.RecordBatchAt(i)
			if err != nil {
				t.Fatal(err)
			}
			words, counts := b.Column(0).(*array.String), b.Column(1).(*array.Int64)
			for row := range int(b.NumRows()) {
				got = append(got, fmt.Sprintf("%s\t%d", words.Value(row), counts.Value(row)))
			}
		}
	}
	slices.Sort(got)
	want, err := reference.WordCount(tree)
	if err != nil {
		t.Fatal(err)
	}
	if diff := reference.Diff(got, want); diff != "" {
		t.Error(diff)
	}
}
