package spec

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/mrctl/mrctl/internal/errs"
)

// KeyBytes says which bytes of a record are its key: Len bytes from Off on, counted from 0. Of a line they are counted
// without its end. The zero value is the whole record. A record that ends before its key does is a bad record.
type KeyBytes struct{ Off, Len int }

// maxKeyByte is above any record.
const maxKeyByte = 1 << 30

// Whole reports that the record is its own key.
func (k KeyBytes) Whole() bool { return k == KeyBytes{} }

// End is how long a record is at least.
func (k KeyBytes) End() int { return k.Off + k.Len }

// KeyBytes reads Keys and holds it against the input format: a key that no record of records:N has is an errs.Invalid.
func (j Job) KeyBytes() (KeyBytes, error) {
	k, err := parseKeyBytes(j.Keys)
	if n, ok := strings.CutPrefix(j.InputFormat, "records:"); ok && err == nil {
		if size, notNumber := strconv.Atoi(n); notNumber == nil && k.End() > size {
			err = fmt.Errorf("%q is %d bytes from byte %d on, and a record has %d bytes", j.Keys, k.Len, k.Off, size)
		}
	}
	if err != nil {
		return KeyBytes{}, errs.E(errs.Invalid, "key bytes", "", err)
	}
	return k, nil
}

func parseKeyBytes(s string) (k KeyBytes, err error) {
	if s == "" {
		return k, nil
	}
	off, n, ok := strings.Cut(s, ":")
	if ok {
		k.Off, err = strconv.Atoi(off)
	}
	if ok && err == nil {
		k.Len, err = strconv.Atoi(n)
	}
	switch {
	case !ok || err != nil:
		return k, fmt.Errorf("%q is not OFF:LEN, two numbers such as 0:10", s)
	case k.Len < 1:
		return k, errors.New("a key has one byte at least")
	case k.Off < 0 || k.Off > maxKeyByte || k.Len > maxKeyByte-k.Off:
		return k, fmt.Errorf("%q is beyond any record: its bytes are 0 to %d", s, maxKeyByte)
	}
	return k, nil
}

// ErrKeysOfIdentity is why a job with Keys is refused whose map is its own.
var ErrKeysOfIdentity = errs.New(errs.Invalid, "key bytes: they say how records are sorted, and this job's own map makes its keys; "+
	"they go with a plugin that is jobs.Identity")
