package output

import (
	"testing"

	"github.com/mrctl/mrctl/internal/errs"
)

func TestFormats(t *testing.T) {
	for _, c := range []struct {
		f    Format
		by   string
		want Format // "": refused
	}{
		{"", "", ""}, {"", "gzip", "tsv.gz"}, {"", "none", "tsv"}, {CSV, "", "csv"}, {CSV, "zstd", "csv.zst"}, {"csv.gz", "", "csv.gz"},
		{"csv.gz", "gzip", "csv.gz"}, {Records, "gzip", "records.gz"},
	} {
		if got, err := Compressed(c.f, c.by); err != nil || got != c.want {
			t.Errorf("%s by %s: %q, %v", c.f, c.by, got, err)
		}
	}
	for _, c := range [][2]string{{"csv.gz", "zstd"}, {"csv.gz", "none"}, {"csv", "lz4"}, {"arrow", "gzip"}, {"parquet.gz", ""}, {"xml", ""}, {".gz", ""}, {"arrow.zst", ""}, {"csv.gz.gz", ""}} {
		if f, err := Compressed(Format(c[0]), c[1]); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s by %q: %q, %v", c[0], c[1], f, err)
		}
	}
	for name, want := range map[string]Format{
		"s3://b/x.csv": CSV, "x.jsonl.gz": "jsonl.gz", "part-00000.tsv.zst": "tsv.zst", "x.arrow": Arrow, "x.arrow.gz": "", "csv": "", "x.gz": "", "": "",
	} {
		if got := FormatOf(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
}
