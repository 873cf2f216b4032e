package errs

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestContain(t *testing.T) {
	err := fmt.Errorf("around: %w", Contain(func() error { panic("this") }))
	p, ok := Panicked(err)
	if !ok || p.Value != "this" || !strings.Contains(string(p.Stack), "TestContain") || !Is(err, Corrupt) {
		t.Errorf("a panic became %v (%v)", err, KindOf(err))
	}
	plain := errors.New("plain")
	if err := Contain(func() error { return plain }); err != plain {
		t.Errorf("an error became %v", err)
	}
	if err := Contain(func() error { return nil }); err != nil {
		t.Errorf("nothing became %v", err)
	}
	if _, ok := Panicked(plain); ok {
		t.Error("an error is no panic")
	}
}
