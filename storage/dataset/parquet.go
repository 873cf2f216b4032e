package dataset

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/metadata"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/mrctl/mrctl/internal/typed"
)

// Of a row group the chunks of the wanted columns are held as they are stored, each read with one request, unless they are
// more than wholeChunks bytes in some group of the file: then each is read by chunkBuffer bytes. Rows are decoded in
// batches of up to tableRows, fewer where that many would be more than tableBatch bytes by what the file says of their size.
const (
	wholeChunks = 64 << 20
	chunkBuffer = 1 << 20
	tableBatch  = 4 << 20
	tableRows   = 8 << 10
)

// parquetTable is the row groups of a piece of a Parquet file.
type parquetTable struct {
	ctx    context.Context // the reader's life
	at     *objectAt
	file   *file.Reader
	props  *parquet.ReaderProperties // of file
	all    *arrow.Schema
	leaves []int // the leaf columns that are read

	list  []rowGroup
	begun int // of list
	cur   pqarrow.RecordReader
	row   int64 // the number of the next row in the file
	left  int64 // rows of cur that are to come
}

type rowGroup struct {
	index int
	first int64 // the number of its first row
	rows  int64
	batch int64 // rows to decode at once
}

func openParquet(ctx context.Context, at *objectAt, cols *typed.Columns) (*parquetTable, error) {
	if err := checkFooter(at); err != nil {
		return nil, err
	}
	props := parquet.NewReaderProperties(memory.DefaultAllocator)
	props.BufferSize = chunkBuffer
	f, err := file.NewParquetReader(at.section(), file.WithReadProps(props))
	if err != nil {
		return nil, err
	}
	// What a writer knew of Arrow, written beside the columns, is of no use here and may be made to do harm.
	f.MetaData().FileMetaData.KeyValueMetadata = nil
	t := &parquetTable{ctx: ctx, at: at, file: f, props: props}
	a, err := pqarrow.NewFileReader(f, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		return nil, err
	}
	if t.all, err = a.Schema(); err != nil {
		return nil, err
	}
	m, err := match(cols, t.all)
	if err != nil {
		return nil, err
	}
	fields := m.Fields()
	if len(fields) == 0 && len(a.Manifest.Fields) > 0 {
		fields = []int{0} // for the number of rows alone
	}
	for _, i := range fields {
		t.leaves = leavesOf(t.leaves, &a.Manifest.Fields[i])
	}
	return t, t.choose()
}

// mostFooter is the largest footer that is read, in bytes: one of ten thousand columns in a thousand row groups.
const mostFooter = 256 << 20

// checkFooter refuses a footer that says it is larger than any is.
func checkFooter(at *objectAt) error {
	var end [8]byte
	if err := at.within(at.p.Size-int64(len(end)), int64(len(end))); err != nil {
		return err
	}
	if _, err := at.ReadAt(end[:], at.p.Size-int64(len(end))); err != nil {
		return err
	}
	if n := binary.LittleEndian.Uint32(end[:]); string(end[4:]) == "PAR1" && n > mostFooter {
		return fmt.Errorf("its footer says it has %d bytes, and %d is the most", n, mostFooter)
	}
	return nil
}

// leavesOf adds the leaf columns of a field.
func leavesOf(list []int, f *pqarrow.SchemaField) []int {
	if f.IsLeaf() {
		return append(list, f.ColIndex)
	}
	for i := range f.Children {
		list = leavesOf(list, &f.Children[i])
	}
	return list
}

// choose finds the row groups that begin in the piece, and holds what the footer says against the size of the object.
func (t *parquetTable) choose() error {
	first := int64(0)
	from, to := t.at.p.Off, t.at.p.Off+t.at.p.Len
	for i := range t.file.NumRowGroups() {
		g := t.file.MetaData().RowGroup(i)
		n := g.NumRows()
		if n < 0 || first > math.MaxInt64-n {
			return fmt.Errorf("its row group %d has %d rows", i, n)
		}
		begin, stored, err := t.extent(g)
		if err != nil {
			return err
		}
		if n > 0 && (begin < 0 || begin >= t.at.p.Size) { // else it would be of no split, and nobody would miss it
			return fmt.Errorf("its row group %d begins at byte %d, and it has %d", i, begin, t.at.p.Size)
		}
		if n > 0 && begin >= from && begin < to {
			size := max(1, g.TotalByteSize()/n)
			t.list = append(t.list, rowGroup{index: i, first: first, rows: n, batch: min(max(1, tableBatch/size), tableRows)})
			if stored > wholeChunks {
				t.props.BufferedStreamEnabled = true
			}
		}
		first += n
	}
	if all := t.file.NumRows(); first != all {
		return fmt.Errorf("its row groups have %d rows, and its footer says %d", first, all)
	}
	return nil
}

// extent is where a row group begins, and how many bytes its wanted columns have.
func (t *parquetTable) extent(g *metadata.RowGroupMetaData) (begin, stored int64, err error) {
	begin = math.MaxInt64
	for i := range g.NumColumns() {
		c, err := g.ColumnChunk(i)
		if err != nil {
			return 0, 0, err
		}
		begin = min(begin, chunkStart(c))
	}
	for _, i := range t.leaves {
		c, err := g.ColumnChunk(i)
		if err != nil {
			return 0, 0, err
		}
		if err := t.at.within(chunkStart(c), c.TotalCompressedSize()); err != nil {
			return 0, 0, err
		}
		stored += c.TotalCompressedSize()
	}
	return begin, stored, nil
}

// chunkStart is the first byte of a column chunk: of its dictionary, where it has one before its data.
func chunkStart(c *metadata.ColumnChunkMetaData) int64 {
	if d := c.DictionaryPageOffset(); c.HasDictionaryPage() && d > 0 && d < c.DataPageOffset() {
		return d
	}
	return c.DataPageOffset()
}

func (t *parquetTable) next() (arrow.RecordBatch, int64, error) {
	for t.cur == nil || t.left == 0 {
		if err := t.open(); err != nil {
			return nil, 0, err
		}
	}
	if !t.cur.Next() {
		if err := t.cur.Err(); err != nil && err != io.EOF {
			return nil, 0, err
		}
		return nil, 0, fmt.Errorf("row group %d has %d rows fewer than its footer says", t.list[t.begun-1].index, t.left)
	}
	b := t.cur.RecordBatch()
	first := t.row
	t.row += b.NumRows()
	if t.left -= b.NumRows(); t.left < 0 {
		return nil, 0, errors.New("a row group has more rows than its footer says")
	}
	return b, first, nil
}

// open goes on to the next row group.
func (t *parquetTable) open() error {
	if t.cur != nil {
		t.cur.Release()
		t.cur = nil
	}
	if t.begun == len(t.list) {
		return io.EOF
	}
	g := t.list[t.begun]
	t.begun++
	a, err := pqarrow.NewFileReader(t.file, pqarrow.ArrowReadProperties{BatchSize: g.batch}, memory.DefaultAllocator)
	if err == nil {
		t.cur, err = a.GetRecordReader(t.ctx, t.leaves, []int{g.index})
	}
	t.row, t.left = g.first, g.rows
	return err
}

func (t *parquetTable) schema() *arrow.Schema { return t.all }

func (t *parquetTable) share() float64 {
	total, done := int64(0), int64(0)
	for i, g := range t.list {
		total += g.rows
		if i < t.begun {
			done += g.rows
		}
	}
	return float64(done-t.left) / float64(max(1, total))
}

func (t *parquetTable) close() error {
	if t.cur != nil {
		t.cur.Release()
		t.cur = nil
	}
	return t.file.Close()
}
