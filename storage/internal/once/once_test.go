package once

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/mem"
	"github.com/mrctl/mrctl/storage/storagetest/crash"
)

func TestCreate(t *testing.T) {
	for _, body := range [][]byte{[]byte("small"), bytes.Repeat([]byte("large"), storage.MaxRecord/4)} {
		for _, how := range []crash.How{crash.Before, crash.After, crash.Unknown} {
			for at := 1; ; at++ {
				store := mem.New()
				first := crash.New(store, at, how)
				there, err := Create(t.Context(), first, "k", body)
				if how == crash.Unknown && err != nil || there != nil {
					t.Errorf("lost answer to call %d: %q, %v", at, there, err)
				}
				if there, err := Create(t.Context(), store, "k", body); there != nil || err != nil {
					t.Errorf("after death %d at call %d: %q, %v", how, at, there, err)
				}
				if there, err := Create(t.Context(), store, "k", []byte("other")); !bytes.Equal(there, body) || err != nil {
					t.Errorf("another body: %q, %v", there, err)
				}
				if !first.Hit() {
					break
				}
			}
		}
	}
}

func TestAgainGivesUp(t *testing.T) {
	n := 0
	err := Again(t.Context(), func(context.Context) error { n++; return storage.ErrUnknown })
	if !errors.Is(err, storage.ErrUnknown) || n != Tries {
		t.Errorf("%d tries, %v", n, err)
	}
}
