package torture

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"

	"github.com/mrctl/mrctl/integration/bucket"
	"github.com/mrctl/mrctl/internal/bzblocks/bztest"
	"github.com/mrctl/mrctl/internal/s3server"
)

// That each byte may be another, and the last, is held where files are read (storage/dataset); here are whole jobs.
var damageCases = []Case{
	{Name: "a bzip2, lz4 or xz cut anywhere", Answer: "the job fails and names the file, in splits too", Run: cutOthers},
	{Name: "a table cut anywhere", Answer: "the job fails and names the file", Run: cutOffTables},
	{Name: "a zstd with a broken seek table", Answer: "refused by name when the job is planned, or read as if there were none; never fewer lines", Run: brokenSeekTable},
	{Name: "wrong bits in every format", Answer: "with checksums: the job fails and names the file, or nothing is changed by it; without: another value, a bad record, or the same failure", Run: wrongBits},
	{Name: "wrong bits in a bucket", Answer: "the same", Run: wrongBitsStored},
	{Name: "a small bomb of zstd", Answer: "a line that does not end is set aside in bounded memory", Run: func(r *room) { otherBomb(r, "bomb.zst", zstdBomb(r, 64)) }},
	{Name: "a small bomb of xz", Answer: "the same", Run: func(r *room) { otherBomb(r, "bomb.xz", xzBomb(r, 64)) }},
	{Name: "a small bomb of bzip2", Answer: "the same, in one split and in many", Run: func(r *room) { otherBomb(r, "bomb.bz2", bzip2Bomb(64)) }},
}

func lz4ed(r *room, text string) string {
	r.Helper()
	var b bytes.Buffer
	w := lz4.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		r.Fatal(err)
	}
	if err := w.Close(); err != nil {
		r.Fatal(err)
	}
	return b.String()
}

// xzed packs text into blocks of size bytes of it.
func xzed(r *room, text string, size int64) string {
	r.Helper()
	var b bytes.Buffer
	w, err := xz.WriterConfig{BlockSize: size, DictCap: 1 << 16}.NewWriter(&b)
	if err == nil {
		_, err = io.WriteString(w, text)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		r.Fatal(err)
	}
	return b.String()
}

func cutOthers(r *room) {
	text, want := numbered(300)
	for name, whole := range map[string]string{"x.bz2": string(bztest.Compress([]byte(text), 500)), "x.lz4": lz4ed(r, text), "x.xz": xzed(r, text, 400)} {
		for _, split := range []int{len(whole) / 5, 1 << 20} {
			split := fmt.Sprint(split)
			r.run("lines", r.file(name, whole), "--split-size", split).gives(want...)
			for _, n := range []int{1, 10, len(whole) / 2, len(whole) - 1} {
				r.run("lines", r.file(name, whole[:n]), "--split-size", split).fails(1, name, "cut off")
				if r.Failed() {
					r.Fatalf("cut at byte %d of %d", n, len(whole))
				}
			}
		}
	}
}

func cutOffTables(r *room) {
	list, _ := records(200)
	for _, ext := range []string{"parquet", "arrow", "arrows"} {
		whole := tableFile(r, ext, list, 50)
		name := "x." + ext
		for _, n := range []int{1, 7, 100, len(whole) / 2, len(whole) - 9, len(whole) - 1} {
			e := r.run("table", r.file(name, whole[:n]), "--split-size", "2000")
			e.fails(max(1, e.Code), name, "damaged") // 2 where it shows before any work
			if r.Failed() {
				r.Fatalf("%s cut at byte %d of %d", ext, n, len(whole))
			}
		}
	}
}

func brokenSeekTable(r *room) {
	text, want := numbered(300)
	whole := framed(r, text, 500)
	const foot, entry = 9, 8
	frames := int(binary.LittleEndian.Uint32([]byte(whole[len(whole)-foot:])))
	entries := len(whole) - foot - frames*entry
	change := func(at int, to byte) string { b := []byte(whole); b[at] = to; return string(b) }
	for i, x := range []struct {
		body string
		ok   bool
	}{
		{whole, true},
		{change(len(whole)-1, 0), true},                  // no table, then
		{change(len(whole)-foot, byte(frames+1)), false}, // of more frames than are listed
		{change(len(whole)-5, 0x40), false},              // flags that nobody may set
		{change(entries, whole[entries]+1), false},       // a frame that is a byte longer
		{change(entries+2, 1), false},                    // and 64 KiB
		{swapped(whole, entries, entry), false},          // frames that begin elsewhere
		{change(entries-8, whole[entries-8]^1), false},   // in another frame that may be skipped
		{whole[:len(whole)-1], false},                    // cut off
		{whole[:entries-8], true},                        // none
		{whole + whole, false},                           // a table of the second half
		{whole[:entries-8] + framed(r, "", 1), false},    // a table that lists nothing
		{change(entries+4, whole[entries+4]^1), true},    // says another length of text, of which only places are told
	} {
		name := fmt.Sprintf("table%d.zst", i)
		e := r.run("lines", r.file(name, x.body), "--split-size", "50")
		if x.ok {
			e.gives(want...)
		} else {
			e.fails(max(1, e.Code), name)
		}
		if r.Failed() {
			r.Fatalf("case %d", i)
		}
	}
}

// swapped has the lengths of the first two entries that differ each in the other's place.
func swapped(whole string, at, entry int) string {
	b := []byte(whole)
	for i := at; ; i += entry {
		one, two := b[i:i+4], b[i+entry:i+entry+4]
		if !bytes.Equal(one, two) {
			kept := bytes.Clone(one)
			copy(one, two)
			copy(two, kept)
			return string(b)
		}
	}
}

// inFormats is a small table, or its lines, in each format, and the job that reads it.
func inFormats(r *room) map[string]string {
	list, _ := records(26)
	text, _ := numbered(40)
	return map[string]string{
		"x.txt": text, "x.gz": gzipped(r, strings.NewReader(text)), "x.zst": framed(r, text, 100), "x.bz2": string(bztest.Compress([]byte(text), 100)),
		"x.lz4": lz4ed(r, text), "x.xz": xzed(r, text, 100), "x.csv": asCSV(list), "x.jsonl": asJSON(r, list), "x.parquet": tableFile(r, "parquet", list, 9),
		"x.arrow": tableFile(r, "arrow", list, 9), "x.arrows": tableFile(r, "arrows", list, 9),
	}
}

// sealedFormats have checksums over their text.
var sealedFormats = []string{".gz", ".zst", ".bz2", ".lz4", ".xz"}

// flipped runs the job of a file's format on it with a bit changed at some places, as put stores it, and holds what comes of it
// against the job on the file as it was.
func flipped(r *room, name, body string, places int, put func(name, body string) (input string)) {
	r.Helper()
	job := "table"
	if slices.Contains(append(sealedFormats, ".txt"), path.Ext(name)) {
		job = "lines"
	}
	read := func(body string) (ended, []string) {
		e := r.run(job, put(name, body), "--split-size", fmt.Sprint(len(body)/3), "--partitions", "1", "--slots", "2")
		if e.Code != 0 {
			e.fails(max(1, e.Code), name)
			return e, nil
		}
		return e, e.rows()
	}
	e, want := read(body)
	if e.Code != 0 {
		r.Fatal(e.Err)
	}
	same, other, refused := 0, 0, 0
	for i := range places {
		at := (len(body)*(2*i+1) + i) / (2 * places)
		bad := []byte(body)
		bad[at] ^= 1 << (i % 8)
		switch e, rows := read(string(bad)); {
		case e.Code != 0:
			refused++
		case slices.Equal(rows, want):
			same++
		case slices.Contains(sealedFormats, path.Ext(name)):
			r.Errorf("%s, byte %d: %d rows, and not the %d it had", name, at, len(rows), len(want))
		default:
			other++
		}
	}
	r.Logf("%s: of %d, %d are refused, %d change nothing, %d are other rows", name, places, refused, same, other)
}

func wrongBits(r *room) {
	for name, body := range inFormats(r) {
		flipped(r, name, body, 2, func(name, body string) string { return r.file(name, body) })
	}
}

func wrongBitsStored(r *room) {
	server := s3server.ForTest(r.T, s3server.VersityGW)
	r.env = []string{"AWS_ENDPOINT_URL=" + server.Endpoint, "AWS_ACCESS_KEY_ID=" + server.AccessKey, "AWS_SECRET_ACCESS_KEY=" + server.SecretKey, "AWS_REGION=us-east-1"}
	b, err := bucket.Dial(server.Endpoint, server.AccessKey, server.SecretKey)
	if err != nil {
		r.Fatal(err)
	}
	for name, body := range inFormats(r) {
		flipped(r, name, body, 1, func(name, body string) string {
			r.file("up/"+name, body)
			if _, _, err := b.Upload(r.ctx, s3server.Bucket, "in/", r.path("up")); err != nil {
				r.Fatal(err)
			}
			return "s3://" + s3server.Bucket + "/in/" + name
		})
	}
}

// zstdBomb is lines around n MiB without an end.
func zstdBomb(r *room, n int) string {
	r.Helper()
	text, err := io.ReadAll(zeros(int64(n) << 20))
	if err != nil {
		r.Fatal(err)
	}
	return framed(r, string(text), 8<<20)
}

// bzip2Bomb is the same: blocks of 10,000 bytes have half a MiB each, as runs of 255 are 5 bytes.
func bzip2Bomb(n int) string {
	part := func(text string) string { return string(bztest.Compress([]byte(text), 10_000)) }
	// Archives may follow each other, and there is one to begin with, so that this takes no time.
	return part("before\n") + strings.Repeat(part(strings.Repeat("\x00", 1<<20)), n) + part("\nafter\n")
}

// xzBomb is the same of streams of a MiB each.
func xzBomb(r *room, n int) string {
	part := func(text string) string { return xzed(r, text, 1<<20) }
	return part("before\n") + strings.Repeat(part(strings.Repeat("\x00", 1<<20)), n) + part("\nafter\n")
}

func otherBomb(r *room, name, body string) {
	const memory = 16 << 20
	began := time.Now()
	in := r.file(name, body)
	for _, split := range []string{fmt.Sprint(max(1, len(body)/5)), "1GiB"} {
		e := r.run("lines", in, "--memory", fmt.Sprint(memory), "--slots", "1", "--split-size", split)
		e.gives("before\t1", "after\t1")
		e.counted("map.bad_records", 1)
	}
	e := r.run("sizes", in, "--memory", fmt.Sprint(memory), "--slots", "1", "--input-format", "files")
	e.gives()
	e.counted("map.bad_records", 1)
	r.within(memory)
	r.Logf("%d bytes took %.1f s", len(body), time.Since(began).Seconds())
}
