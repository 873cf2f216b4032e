package output

import (
	"fmt"
	"strings"

	"github.com/mrctl/mrctl/internal/errs"
)

// Format is how rows become bytes, and the extension of a part's name: one of the formats below and, where the bytes of text
// are compressed, what its files end in: csv.gz, tsv.zst.
type Format string

// The formats.
const (
	TSV     Format = "tsv"     // a line a row, columns with tabs between them: see package tsv
	CSV     Format = "csv"     // the same with commas, after a line of the columns' names: see package csv
	JSONL   Format = "jsonl"   // a JSON object a row: see package jsonl
	Parquet Format = "parquet" // a Parquet file, with the columns' names and types, zstd within
	Arrow   Format = "arrow"   // an Arrow IPC file, with the columns' names and types
	Records Format = "records" // the bytes of the last column, nothing between them
)

// known are the formats as they are listed to users.
const known = "tsv, csv, jsonl, parquet, arrow or records"

// CheckFormat says, as an errs.Invalid, what is wrong with the name of an output format. "" is TSV.
func CheckFormat(name string) error {
	f := Format(name)
	switch f.base() {
	case "", TSV, CSV, JSONL, Records:
		if f != "" && f.base() == "" {
			break
		}
		return nil
	case Parquet, Arrow:
		if f == f.base() {
			return nil
		}
		return errs.New(errs.Invalid, "output format %q: %s is not compressed from outside; only text is", name, f.base())
	}
	return errs.New(errs.Invalid, "output format %q is not known; use %s", name, known)
}

// base is the format without what compresses it.
func (f Format) base() Format {
	for _, c := range compressions {
		if base, ok := strings.CutSuffix(string(f), c.suffix); ok {
			return Format(base)
		}
	}
	return f
}

// Base is the format within what compresses it; never "".
func (f Format) Base() Format {
	if b := f.base(); b != "" {
		return b
	}
	return TSV
}

// Text says that parts of a format may be printed one after the other.
func (f Format) Text() bool { return f.Base() != Arrow && f.Base() != Parquet }

// compressions of text, by the names of flags and by what their files end in.
var compressions = []struct{ name, suffix string }{{"gzip", ".gz"}, {"zstd", ".zst"}}

// Compressed is a format compressed by none, gzip or zstd; "" leaves it as it is. Both may be as a user wrote them: what is
// wrong with them is an errs.Invalid.
func Compressed(f Format, by string) (Format, error) {
	if f == "" && by != "" {
		f = TSV
	}
	was := strings.TrimPrefix(string(f), string(f.base()))
	suffix, found := "", by == "" || by == "none"
	for _, c := range compressions {
		if c.name == by {
			suffix, found = c.suffix, true
		}
	}
	switch {
	case !found:
		return "", errs.New(errs.Invalid, "output compression %q is not known; use none, gzip or zstd", by)
	case by == "":
		suffix = was
	case was != "" && was != suffix:
		return "", errs.New(errs.Invalid, "output format %s is compressed another way than %s", f, by)
	}
	whole := f.base() + Format(suffix)
	return whole, CheckFormat(string(whole))
}

// FormatOf is the format that the name of a file ends in; none: "".
func FormatOf(name string) Format {
	for _, base := range []Format{TSV, CSV, JSONL, Parquet, Arrow, Records} {
		for _, suffix := range []string{"", ".gz", ".zst"} {
			f := base + Format(suffix)
			if strings.HasSuffix(name, "."+string(f)) && CheckFormat(string(f)) == nil {
				return f
			}
		}
	}
	return ""
}

// PartName is the key of part i in a format.
func PartName(i int, f Format) string {
	if f == "" {
		f = TSV
	}
	return fmt.Sprintf("part-%05d.%s", i, f)
}

// NamedPart is the key of a part of a named output: in a folder of that name. The result itself has none.
func NamedPart(name string, i int, f Format) string {
	if name == "" {
		return PartName(i, f)
	}
	return name + "/" + PartName(i, f)
}

// NameOf is the name of the output that a part is of; "" of the result itself.
func NameOf(key string) string {
	name, _, ok := strings.Cut(key, "/")
	if !ok {
		return ""
	}
	return name
}
