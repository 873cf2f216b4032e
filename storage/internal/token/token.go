// Package token writes a store's notion of a staged object as a storage.Token and reads it back: the name of the kind
// of store, a dot, and JSON in base64url, so that tokens are safe in records, logs and on command lines.
package token

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
)

// IDLen is the length of what NewID returns, in bytes.
const IDLen = 26

// NewID gives 128 random bits and more as lower-case letters and digits.
func NewID() string { return strings.ToLower(rand.Text()) }

// Encode writes v, which must marshal, as a token of a kind of store.
func Encode(kind string, v any) (storage.Token, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", errs.E(errs.Invalid, "token", kind, err)
	}
	return storage.Token(kind + "." + base64.RawURLEncoding.EncodeToString(b)), nil
}

// Decode reads a token of a kind of store into v. A token of another kind, or no token, is an error of kind Invalid.
func Decode(kind string, t storage.Token, v any) error {
	text, ok := strings.CutPrefix(string(t), kind+".")
	if !ok {
		return errs.New(errs.Invalid, "not a token of a %s store", kind)
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	if err != nil {
		return errs.New(errs.Invalid, "damaged token of a %s store: %w", kind, err)
	}
	return nil
}

// Key gives the key that a token of any kind of store is for, or "" where it is no token.
func Key(t storage.Token) string {
	kind, _, _ := strings.Cut(string(t), ".")
	var v struct {
		Key string `json:"k"`
	}
	if Decode(kind, t, &v) != nil {
		return ""
	}
	return v.Key
}
