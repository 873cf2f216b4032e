package jobstest

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"unsafe"

	"github.com/mrctl/mrctl/internal/codec"
)

// kind is what there is to know of the records of a job: how they travel, how they are shown, how they are made simpler.
type kind struct {
	encode   func(rec any) []byte
	show     func(enc []byte) string
	simplify func(enc []byte, try func(enc []byte) bool) bool
}

// kindOf describes the records of type In, which Program has found fit.
func kindOf[In any]() (*kind, error) {
	if reflect.TypeFor[In]().Kind() != reflect.Struct {
		return &kind{
			encode: func(rec any) []byte { return bytesOf(rec.(In)) },
			show:   func(enc []byte) string { return clip(strconv.Quote(string(enc))) },
			simplify: func(enc []byte, try func([]byte) bool) bool {
				return shorter(string(enc), func(s string) bool { return try([]byte(s)) })
			},
		}, nil
	}
	c, err := codec.For[In]()
	if err != nil {
		return nil, err
	}
	return &kind{
		encode: func(rec any) []byte { return c.Append(nil, rec.(In)) },
		show:   func(enc []byte) string { return codec.KeyText(c.Fields(), enc) },
		simplify: func(enc []byte, try func([]byte) bool) bool {
			rec, err := c.Decode(slices.Clone(enc))
			if err != nil {
				return false
			}
			return simpler(reflect.ValueOf(&rec).Elem(), func() bool {
				next := c.Append(nil, rec)
				return !bytes.Equal(next, enc) && try(next)
			})
		},
	}, nil
}

// bytesOf is a record of a type whose layout is that of string or []byte, as Program has made sure.
func bytesOf[In any](rec In) []byte {
	switch r := any(rec).(type) {
	case string:
		return []byte(r)
	case []byte:
		return r
	}
	return []byte(unsafe.String(*(**byte)(unsafe.Pointer(&rec)), *(*int)(unsafe.Add(unsafe.Pointer(&rec), unsafe.Sizeof(uintptr(0))))))
}

// shrink looks for fewer and simpler records that still fail, by delta debugging (Zeller and Hildebrandt, 2002): it
// leaves out pieces, halves first and then ever smaller ones, until no record can be left out, and then makes each record
// simpler. It asks fails no more than tries times, and always in the same order.
func shrink(records [][]byte, simplify func(enc []byte, try func([]byte) bool) bool, tries int, fails func([][]byte) bool) [][]byte {
	ask := func(some [][]byte) bool {
		if tries == 0 {
			return false
		}
		tries--
		return fails(some)
	}
	for size := len(records) / 2; size > 0; size /= 2 {
		for again := true; again; {
			again = false
			for from := 0; from < len(records); {
				rest := slices.Concat(records[:from], records[min(from+size, len(records)):])
				if ask(rest) {
					records, again = rest, size == 1
				} else {
					from += size
				}
			}
		}
	}
	if len(records) == 1 && ask(nil) {
		return nil
	}
	if simplify == nil {
		return records
	}
	for i := range records {
		for tries > 0 && simplify(records[i], func(enc []byte) bool {
			some := slices.Clone(records)
			if some[i] = enc; ask(some) {
				records = some
				return true
			}
			return false
		}) {
		}
	}
	return records
}

// clip keeps a record from filling the screen.
func clip(s string) string {
	const most = 300
	if len(s) <= most {
		return s
	}
	return fmt.Sprintf("%s... (%d bytes)", s[:most], len(s))
}
