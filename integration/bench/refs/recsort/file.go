package recsort

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
)

// File sorts the records of one file into another.
func File(in, out string) error {
	records, unmap, err := contents(in)
	if err != nil {
		return err
	}
	defer unmap()
	if len(records)%Size != 0 {
		return fmt.Errorf("%s: %d bytes are no whole number of records", in, len(records))
	}
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	return errors.Join(write(f, records), f.Close())
}

func write(w io.Writer, records []byte) error {
	b := bufio.NewWriterSize(w, 1<<20)
	for _, e := range order(records) {
		if _, err := b.Write(record(records, e)); err != nil {
			return err
		}
	}
	return b.Flush()
}
