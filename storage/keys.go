package storage

import (
	"errors"
	"fmt"
	"strings"

	"github.com/mrctl/mrctl/internal/errs"
)

// Limits of a Store's keys, in bytes. They leave room below what object stores (1024) and file systems (255 a name)
// take, for the prefix of a bucket and the suffix of a temporary file.
const (
	MaxKey       = 900
	MaxComponent = 200
)

// CheckKey reports, as an error of kind Invalid, what is wrong with a key of a Store. Every Store calls it first.
func CheckKey(key string) error {
	if len(key) > MaxKey {
		return badKey(key, fmt.Errorf("longer than %d bytes", MaxKey))
	}
	for part := range strings.SplitSeq(key, "/") {
		switch {
		case part == "":
			return badKey(key, errors.New("empty component"))
		case len(part) > MaxComponent:
			return badKey(key, fmt.Errorf("component longer than %d bytes", MaxComponent))
		case part[0] == '.':
			return badKey(key, errors.New("component begins with a dot"))
		}
		for i := range len(part) {
			if !keyByte(part[i]) {
				return badKey(key, fmt.Errorf("byte %q is not in [A-Za-z0-9._=-]", part[i]))
			}
		}
	}
	return nil
}

// CheckMeta reports what is wrong with the metadata given to Create.
func CheckMeta(meta map[string]string) error {
	for k, v := range meta {
		if k == "" || strings.Trim(k, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return errs.New(errs.Invalid, "metadata key %q is not [a-z0-9-]+", k)
		}
		for i := range len(v) {
			if v[i] < ' ' || v[i] > '~' {
				return errs.New(errs.Invalid, "metadata value of %s is not printable ASCII", k)
			}
		}
		// Header values lose the blanks around them on the wire.
		if strings.TrimSpace(v) != v {
			return errs.New(errs.Invalid, "metadata value of %s begins or ends with a blank", k)
		}
	}
	return nil
}

func keyByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '.' || c == '_' || c == '=' || c == '-'
}

func badKey(key string, err error) error {
	if len(key) > 64 {
		key = key[:64] + "..."
	}
	return errs.E(errs.Invalid, "key", fmt.Sprintf("%q", key), err)
}
