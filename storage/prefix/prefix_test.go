package prefix_test

import (
	"testing"

	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/mem"
	"github.com/mrctl/mrctl/storage/prefix"
	"github.com/mrctl/mrctl/storage/storagetest"
)

func TestStore(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) storage.Store { return prefix.New(mem.New(), "a/folder") })
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
