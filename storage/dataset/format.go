package dataset

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/typed"
)

// kind is how bytes become records.
type kind uint8

const (
	lines kind = iota
	files
	fixed
	csv         // rows of here on
	jsonl       // one JSON object a line
	byName      // as the name of each object says
	parquetFile // tables, of here on
	arrowFile
)

// format is a parsed input format.
type format struct {
	kind    kind
	size    int64 // bytes a record, for fixed
	dialect typed.Dialect
	bare    bool // csv without header
}

// typed reports that the records are rows.
func (f format) typed() bool { return f.kind >= csv }

// columnar reports that an object is a table and not text.
func (f format) columnar(uri string) bool {
	f, err := f.of(uri)
	return err == nil && f.kind >= parquetFile
}

// CheckFormat says, as an errs.Invalid, what is wrong with the name of an input format. "" is "lines".
func CheckFormat(name string) error {
	_, err := parseFormat(name)
	return err
}

// FormatFor is the input format of a job whose records are rows, or text, where name is what was asked for: "" is "auto"
// for rows, else "lines". The error is an errs.Invalid.
func FormatFor(name string, rows bool) (string, error) {
	if name == "" && rows {
		name = "auto"
	}
	f, err := parseFormat(name)
	switch {
	case err != nil:
		return "", err
	case rows && !f.typed():
		return "", errs.New(errs.Invalid, "input format %q gives text, and this job maps structs: use csv, tsv, jsonl, parquet, arrow or auto", name)
	case !rows && f.typed():
		return "", errs.New(errs.Invalid, "input format %q gives rows, and this job maps text: use lines, or make its In a struct", name)
	}
	return name, nil
}

func parseFormat(name string) (format, error) {
	switch name {
	case "", "lines":
		return format{kind: lines}, nil
	case "files", "whole":
		return format{kind: files}, nil
	case "jsonl":
		return format{kind: jsonl}, nil
	case "parquet":
		return format{kind: parquetFile}, nil
	case "arrow":
		return format{kind: arrowFile}, nil
	}
	if n, ok := strings.CutPrefix(name, "records:"); ok {
		size, err := strconv.ParseInt(n, 10, 64)
		if err != nil || size < 1 || size > MaxRecord {
			return format{}, errs.New(errs.Invalid, "input format %q: the record size must be 1 to %d bytes", name, MaxRecord)
		}
		return format{kind: fixed, size: size}, nil
	}
	return rowFormat(name)
}

// rowFormat parses csv, tsv and auto with their options: csv:lines,no-header,delimiter=;
func rowFormat(name string) (format, error) {
	base, options, some := strings.Cut(name, ":")
	var f format
	switch base {
	case "csv":
		f.kind = csv
	case "tsv":
		f.kind, f.dialect.Comma = csv, '\t'
	case "auto":
		f.kind = byName
	default:
		return format{}, errs.New(errs.Invalid, "input format %q is not known; use lines, csv, tsv, jsonl, parquet, arrow, auto, files or records:N", name)
	}
	for option := range strings.SplitSeq(options, ",") {
		d, isDelimiter := strings.CutPrefix(option, "delimiter=")
		if d == "tab" {
			d = "\t"
		}
		switch {
		case !some:
		case option == "lines":
			f.dialect.Lines = true
		case option == "no-header":
			f.bare = true
		case isDelimiter && len(d) == 1 && !strings.Contains("\"\r\n", d) && d[0] < 0x80:
			f.dialect.Comma = d[0]
		case isDelimiter:
			return format{}, errs.New(errs.Invalid, `input format %q: a delimiter is one ASCII character and no quote, or "tab"`, name)
		default:
			return format{}, errs.New(errs.Invalid, "input format %q: %q is none of lines, no-header and delimiter=C", name, option)
		}
	}
	return f, nil
}

// of is the format of an object.
func (f format) of(uri string) (format, error) {
	if f.kind != byName {
		return f, nil
	}
	switch path.Ext(unpacked(path.Base(uri))) {
	case ".csv":
		f.kind = csv
	case ".tsv":
		f.kind = csv
		if f.dialect.Comma == 0 {
			f.dialect.Comma = '\t'
		}
	case ".jsonl", ".ndjson":
		f.kind = jsonl
	case ".parquet":
		f.kind = parquetFile
	case ".arrow", ".arrows", ".feather":
		f.kind = arrowFile
	default:
		return f, errs.E(errs.Invalid, "input", uri,
			fmt.Errorf("its name ends in none of .csv, .tsv, .jsonl, .ndjson, .parquet, .arrow, .arrows and .feather: say what it is with --input-format"))
	}
	return f, nil
}
