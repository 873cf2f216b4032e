// Package answer tells whether two programs gave the same answer, before anybody asks which was faster.
//
// An answer is a bag of rows: programs write them in any order and into any number of files. It is reduced to the number
// of rows and the sum of their hashes, so that answers of any size are compared in little memory.
package answer

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"os"
	"path/filepath"
	"slices"

	"github.com/zeebo/xxh3"
)

// Digest stands for a bag of rows. Equal bags have equal digests; others do not, but with a chance of 2^-128.
type Digest struct {
	Rows int64
	Sum  xxh3.Uint128 // of the rows' hashes, wrapping
}

// Add adds a row.
func (d *Digest) Add(row []byte) {
	h := xxh3.Hash128(row)
	var carry uint64
	d.Rows++
	d.Sum.Lo, carry = bits.Add64(d.Sum.Lo, h.Lo, 0)
	d.Sum.Hi, _ = bits.Add64(d.Sum.Hi, h.Hi, carry)
}

// Parts gives the files of an output folder, in the order of their names, and refuses a folder whose job has not
// succeeded. A file stands for itself.
func Parts(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	if _, err := os.Stat(filepath.Join(path, "_SUCCESS")); err != nil {
		return nil, fmt.Errorf("the output is not marked as complete: %w", err)
	}
	parts, err := filepath.Glob(filepath.Join(path, "part-*"))
	if err == nil && len(parts) == 0 {
		err = fmt.Errorf("%s: there are no parts", path)
	}
	slices.Sort(parts)
	return parts, err
}

// Lines digests an output of lines. A last line without its newline is refused: it may be cut short.
func Lines(path string) (Digest, error) {
	var d Digest
	return d, eachPart(path, func(r *bufio.Reader) error {
		var long []byte
		for {
			line, err := r.ReadSlice('\n')
			switch {
			case errors.Is(err, bufio.ErrBufferFull):
				long = append(long, line...)
				continue
			case errors.Is(err, io.EOF) && len(line)+len(long) == 0:
				return nil
			case errors.Is(err, io.EOF):
				return errors.New("the last line has no end")
			case err != nil:
				return err
			}
			if len(long) > 0 {
				line = append(long, line...)
				long = nil
			}
			d.Add(line)
		}
	})
}

// Sorted digests an output of records of one size, and refuses parts that are not in the order of their first key
// bytes. Parts in order merge into the one order there is, but for records with equal keys: an output with the digest of
// another holds the same records, so the two are the same result.
func Sorted(path string, size, key int) (Digest, error) {
	var d Digest
	last, rec := make([]byte, size), make([]byte, size)
	return d, eachPart(path, func(r *bufio.Reader) error {
		clear(last)
		for n := 0; ; n++ {
			if _, err := io.ReadFull(r, rec); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return fmt.Errorf("record %d: %w", n, err)
			}
			if bytes.Compare(last[:key], rec[:key]) > 0 {
				return fmt.Errorf("record %d has key %q, which belongs before %q", n, rec[:key], last[:key])
			}
			d.Add(rec)
			last, rec = rec, last
		}
	})
}

func eachPart(path string, read func(*bufio.Reader) error) error {
	parts, err := Parts(path)
	if err != nil {
		return err
	}
	buf := bufio.NewReaderSize(nil, 1<<20)
	for _, p := range parts {
		f, err := os.Open(p)
		if err != nil {
			return err
		}
		buf.Reset(f)
		if err := errors.Join(read(buf), f.Close()); err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
	}
	return nil
}
