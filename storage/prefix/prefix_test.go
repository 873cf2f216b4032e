package prefix_test

import (
	"errors"
	"testing"

	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/mem"
	"github.com/mrctl/mrctl/storage/prefix"
)

// (The suite of storagetest is not run here: its keys are as long as keys may be, and here the folder comes on top.)
func TestWhatIsWrittenThroughIsBelow(t *testing.T) {
	ctx, below := t.Context(), mem.New()
	s := prefix.New(below, "a/folder/")
	v, err := s.PutIf(ctx, "k", []byte("one"), "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutIf(ctx, "k", []byte("two"), "other"); !errors.Is(err, storage.ErrPrecondition) {
		t.Errorf("a stale PutIf: %v", err)
	}
	if b, i, err := below.Get(ctx, "a/folder/k"); err != nil || string(b) != "one" || i.Version != v {
		t.Errorf("below: %q, %+v, %v", b, i, err)
	}
	w, err := s.Create(ctx, "part", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("rows")); err != nil {
		t.Fatal(err)
	}
	token, err := w.Stage(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if i, err := s.Publish(ctx, token); err != nil || i.Key != "part" {
		t.Errorf("published as %+v, %v", i, err)
	}
	if i, err := below.Stat(ctx, "a/folder/part"); err != nil || i.Size != 4 {
		t.Errorf("below: %+v, %v", i, err)
	}
	if err := s.Delete(ctx, "part"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Stat(ctx, "part"); !errors.Is(err, storage.ErrNotExist) {
		t.Errorf("deleted: %v", err)
	}
}

func TestNeighboursAreNotSeen(t *testing.T) {
	below := mem.New()
	s := prefix.New(below, "a")
	for _, key := range []string{"ab", "b", "a/x"} {
		if _, err := below.PutIf(t.Context(), key, []byte(key), ""); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for i, err := range s.List(t.Context(), "", "") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, i.Key)
	}
	if len(got) != 1 || got[0] != "x" {
		t.Errorf("%q", got)
	}
}
