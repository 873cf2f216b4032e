package recsort

import (
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
	buf := make([]byte, 0, 1<<20/Size*Size)
	for _, e := range order(records) {
		if len(buf) == cap(buf) {
			if _, err := w.Write(buf); err != nil {
				return err
			}
			buf = buf[:0]
		}
		buf = append(buf, record(records, e)...)
	}
	_, err := w.Write(buf)
	return err
}
