// Command terasort is the sorting benchmark of that name: records of 100 bytes, of which the first 10 are the key.
//
//	go build -o terasort ./examples/terasort
//	./terasort gen 10000000 > data.bin
//	mrctl run ./terasort data.bin -o sorted --sorted --partitions 8 --input-format records:100 --output-format records --key-bytes 0:10
//	./terasort validate data.bin sorted
package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/mrctl/mrctl/jobs"
)

const (
	recordSize = 100
	keySize    = 10
)

// Records as they are: the engine sorts them, by the bytes that --key-bytes names.
var job = jobs.Identity[[]byte]("terasort")

func main() {
	var err error
	switch args := os.Args[1:]; {
	case len(args) == 2 && args[0] == "gen":
		err = gen(args[1], os.Stdout)
	case len(args) == 3 && args[0] == "validate":
		err = validate(args[1], args[2], os.Stdout)
	default:
		jobs.Main(job)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "terasort:", err)
		os.Exit(1)
	}
}

// gen writes records with keys drawn from a fixed seed.
func gen(count string, to io.Writer) error {
	n, err := strconv.ParseInt(count, 10, 64)
	if err != nil {
		return err
	}
	w, r := bufio.NewWriterSize(to, 1<<20), rand.New(rand.NewPCG(1, 2))
	var rec [recordSize]byte
	for i := range n {
		for k := range keySize {
			rec[k] = byte(r.Uint32())
		}
		copy(rec[keySize:], fmt.Sprintf("%090d", i))
		if _, err := w.Write(rec[:]); err != nil {
			return err
		}
	}
	return w.Flush()
}

// sum says of a set of records what does not depend on their order.
type sum struct {
	records int64
	crc     uint64 // the sum of the records' checksums
}

func (s *sum) add(rec []byte) {
	s.records++
	s.crc += uint64(crc32.ChecksumIEEE(rec))
}

// validate holds the parts of a result against the data: the same records, in order within each part and from part to part.
func validate(data, folder string, out io.Writer) error {
	var want, got sum
	if err := each(data, func(rec []byte) error { want.add(rec); return nil }); err != nil {
		return err
	}
	parts, err := filepath.Glob(filepath.Join(folder, "part-*"))
	if err != nil {
		return err
	}
	slices.Sort(parts)
	var last []byte
	for _, part := range parts {
		err := each(part, func(rec []byte) error {
			if key := rec[:keySize]; bytes.Compare(last, key) > 0 {
				return fmt.Errorf("%s: key %x after %x", part, key, last)
			}
			last = append(last[:0], rec[:keySize]...)
			got.add(rec)
			return nil
		})
		if err != nil {
			return err
		}
	}
	if got != want {
		return fmt.Errorf("%d records with checksum %x, the data has %d with %x", got.records, got.crc, want.records, want.crc)
	}
	_, err = fmt.Fprintf(out, "%d records in %d parts are in order, checksum %x\n", got.records, len(parts), got.crc)
	return err
}

// each reads the records of a file.
func each(name string, do func(rec []byte) error) (err error) {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	r, rec := bufio.NewReaderSize(f, 1<<20), make([]byte, recordSize)
	for {
		switch _, err := io.ReadFull(r, rec); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := do(rec); err != nil {
			return err
		}
	}
}
