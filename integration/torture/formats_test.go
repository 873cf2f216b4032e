package torture

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/klauspost/compress/zstd"

	"github.com/mrctl/mrctl/internal/bzblocks/bztest"
	"github.com/mrctl/mrctl/internal/zframes"
)

// That nothing depends on where a file is cut is held byte by byte where it is read (storage/dataset); here are whole jobs.
var formatCases = []Case{
	{Name: "CSV with line ends in quotes", Answer: "the same rows, however small the splits; under --csv-lines, which promises there are none, a failure that names the file", Run: quotedCSV},
	{Name: "JSON lines cut anywhere", Answer: "the same rows, however small the splits", Run: cutJSON},
	{Name: "archives cut anywhere", Answer: "the same lines of zstd in frames and of bzip2, however small the splits", Run: cutArchives},
	{Name: "tables cut anywhere", Answer: "the same rows of Parquet and Arrow, however small the splits", Run: cutTables},
	{Name: "no rows of any format", Answer: "an output of no rows, whole", Run: noRowsOf},
	{Name: "a column of another type", Answer: "refused before any work; the error names file, column and both types", Run: otherType},
	{Name: "a column that is not there", Answer: "refused before any work; the error names file and column", Run: noColumn},
}

// record is a row of a table, of which the job "table" says how often it came.
type record struct {
	name string
	n    int64
}

func (r record) row() string {
	return fmt.Sprintf("%s\t%d\t1", strings.NewReplacer("\\", `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`).Replace(r.name), r.n)
}

// records are n rows of what names may be, and what the job says of them.
func records(n int) (list []record, rows []string) {
	odd := []string{"plain", "", "a,b", "a \"quote\"", "two\nlines", "two\r\nlines", "\n", "tab\t", `back\slash`, "ünï", `"`, "'", "\"\n\""}
	for i := range n {
		r := record{odd[i%len(odd)], int64(i)}
		list, rows = append(list, r), append(rows, r.row())
	}
	return list, rows
}

// asCSV writes records with a header, and ends lines in CRLF.
func asCSV(list []record) string {
	var b strings.Builder
	b.WriteString("n,more,name\r\n")
	for _, r := range list {
		fmt.Fprintf(&b, "%d,\"x\"\"\",\"%s\"\r\n", r.n, strings.ReplaceAll(r.name, `"`, `""`))
	}
	return b.String()
}

func asJSON(r *room, list []record) string {
	r.Helper()
	var b strings.Builder
	for _, rec := range list {
		name, err := json.Marshal(rec.name)
		if err != nil {
			r.Fatal(err)
		}
		fmt.Fprintf(&b, `{"more":{"n":[1,{}]},"name":%s,"n":%d}`+"\r\n", name, rec.n)
	}
	return b.String()
}

// tableFile writes records in groups of so many rows each: of Parquet, Arrow or a stream of Arrow, as ext says.
func tableFile(r *room, ext string, list []record, group int) string {
	schema := arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64}, {Name: "more", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "name", Type: arrow.BinaryTypes.String}}, nil)
	var batches []arrow.RecordBatch
	for len(list) > 0 {
		b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		for _, rec := range list[:min(group, len(list))] {
			b.Field(0).(*array.Int64Builder).Append(rec.n)
			b.Field(1).(*array.StringBuilder).AppendNull()
			b.Field(2).(*array.StringBuilder).Append(rec.name)
		}
		batches, list = append(batches, b.NewRecordBatch()), list[min(group, len(list)):]
	}
	return tableOf(r, ext, schema, batches...)
}

// batchWriter writes batches of rows.
type batchWriter interface {
	Write(b arrow.RecordBatch) error
	Close() error
}

func tableOf(r *room, ext string, schema *arrow.Schema, batches ...arrow.RecordBatch) string {
	r.Helper()
	var b bytes.Buffer
	var w batchWriter
	var err error
	switch ext {
	case "parquet":
		w, err = pqarrow.NewFileWriter(schema, &b, nil, pqarrow.DefaultWriterProps())
	case "arrow":
		w, err = ipc.NewFileWriter(&b, ipc.WithSchema(schema), ipc.WithZstd())
	default:
		w = ipc.NewWriter(&b, ipc.WithSchema(schema), ipc.WithZstd())
	}
	if err != nil {
		r.Fatal(err)
	}
	for _, batch := range batches {
		if err := w.Write(batch); err != nil {
			r.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		r.Fatal(err)
	}
	return b.String()
}

// framed packs text as zstd in frames of n bytes, with a table of them.
func framed(r *room, text string, n int) string {
	r.Helper()
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		r.Fatal(err)
	}
	var out []byte
	var table zframes.Table
	for len(text) > 0 {
		n, at := min(n, len(text)), len(out)
		out = enc.EncodeAll([]byte(text[:n]), out)
		table.Add(len(out)-at, n)
		text = text[n:]
	}
	return string(table.Append(out))
}

func quotedCSV(r *room) {
	list, want := records(39)
	text := asCSV(list)
	in := r.file("odd.csv", text)
	for _, size := range []int{1, 10, len(text) / 2, 1 << 20} {
		r.run("table", in, "--split-size", fmt.Sprint(size), "--partitions", "2").gives(want...)
	}
	r.run("table", in, "--csv-lines", "--split-size", "50").fails(1, "odd.csv", "--csv-lines")
}

func cutJSON(r *room) {
	list, want := records(39)
	text := asJSON(r, list)
	in := r.file("odd.jsonl", text)
	for _, size := range []int{10, 63, len(text) / 2} {
		r.run("table", in, "--split-size", fmt.Sprint(size), "--partitions", "2").gives(want...)
	}
}

func cutArchives(r *room) {
	text := odd + "\n" + strings.Repeat("a line that comes often\n", 9)
	want := append(slices.Clone(oddRows), "a line that comes often\t9")
	want[slices.Index(want, `last\r`+"\t1")] = "last\t1" // as it is not the end of the text here
	for name, body := range map[string]string{
		"odd.txt.zst": framed(r, text, 7), "odd.txt.bz2": string(bztest.Compress([]byte(text), 20)),
	} {
		in := r.file(name, body)
		for _, size := range []int{7, 50, len(body) / 2} {
			r.run("lines", in, "--split-size", fmt.Sprint(size), "--partitions", "2").gives(want...)
		}
	}
}

func cutTables(r *room) {
	list, want := records(30)
	for _, ext := range []string{"parquet", "arrow", "arrows"} {
		body := tableFile(r, ext, list, 4)
		in := r.file("odd."+ext, body)
		for _, size := range []int{len(body) / 9, len(body) / 2, 1 << 20} {
			r.run("table", in, "--split-size", fmt.Sprint(size), "--partitions", "2").gives(want...)
		}
	}
}

func noRowsOf(r *room) {
	for name, body := range map[string]string{
		"groups.parquet": tableFile(r, "parquet", nil, 1), "batches.arrow": tableFile(r, "arrow", nil, 1), "stream.arrows": tableFile(r, "arrows", nil, 1),
		"header.csv": asCSV(nil), "nothing.csv": "", "nothing.jsonl": "", "nothing.parquet": "", "nothing.arrow": "", "ends.jsonl": "\n\r\n\n",
		"zero.parquet": emptyGroups(r, "parquet"), "zero.arrow": emptyGroups(r, "arrow"), "header.csv.zst": framed(r, asCSV(nil), 5),
		"nothing.csv.bz2": string(bztest.Compress(nil, 20)), "nothing.jsonl.zst": framed(r, "", 1),
	} {
		e := r.run("table", r.file(name, body), "--partitions", "2")
		e.gives()
		if _, err := os.Stat(e.out + "/part-00001.tsv"); err != nil {
			r.Errorf("%s: %v", name, err)
		}
	}
	list, want := records(3)
	r.file("some/a.parquet", emptyGroups(r, "parquet"))
	r.file("some/b.parquet", tableFile(r, "parquet", list, 1))
	r.file("some/c.parquet", tableFile(r, "parquet", nil, 1))
	r.run("table", r.path("some"), "--split-size", "1000").gives(want...)
}

// emptyGroups is a table with groups of rows, of which none has any.
func emptyGroups(r *room, ext string) string {
	schema := arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64}, {Name: "name", Type: arrow.BinaryTypes.String}}, nil)
	none := array.NewRecordBuilder(memory.DefaultAllocator, schema).NewRecordBatch()
	return tableOf(r, ext, schema, none, none)
}

// oneColumn is a table with a name and a column that is called n and is a text.
func oneColumn(r *room, ext, column string) string {
	schema := arrow.NewSchema([]arrow.Field{{Name: column, Type: arrow.BinaryTypes.String}, {Name: "name", Type: arrow.BinaryTypes.String}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	b.Field(0).(*array.StringBuilder).Append("1")
	b.Field(1).(*array.StringBuilder).Append("x")
	return tableOf(r, ext, schema, b.NewRecordBatch())
}

func otherType(r *room) {
	for _, ext := range []string{"parquet", "arrow", "arrows"} {
		r.run("table", r.file("other."+ext, oneColumn(r, ext, "n"))).fails(2, "other."+ext, "column n is utf8", "int64")
	}
	// Text has no types: what is no number is a bad record, and of JSON a text is none.
	r.file("text/a.csv", "name,n\nx,1\ny,one\n")
	r.file("text/b.jsonl", `{"name":"z","n":"1"}`+"\n"+`{"name":"z","n":1}`)
	e := r.run("table", r.path("text"))
	e.gives("x\t1\t1", "z\t1\t1")
	e.counted("map.bad_records", 2)
}

func noColumn(r *room) {
	for _, ext := range []string{"parquet", "arrow", "arrows"} {
		r.run("table", r.file("less."+ext, oneColumn(r, ext, "m"))).fails(2, "less."+ext, "no column n")
	}
	r.run("table", r.file("less.csv", "name,m\nx,1\n")).fails(2, "less.csv", "no column n")
	r.run("table", r.file("a.txt", "name,n\nx,1\n")).fails(2, "a.txt", "--input-format")
}
