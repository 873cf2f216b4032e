package token_test

import (
	"testing"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/internal/token"
)

type staged struct {
	Key string `json:"k"`
	ID  int    `json:"i"`
}

func TestThereAndBack(t *testing.T) {
	want := staged{Key: "a/b", ID: 7}
	text, err := token.Encode("mem", want)
	if err != nil {
		t.Fatal(err)
	}
	var got staged
	if err := token.Decode("mem", text, &got); err != nil || got != want {
		t.Errorf("Decode = %+v, %v", got, err)
	}
	if key := token.Key(text); key != "a/b" {
		t.Errorf("Key = %q", key)
	}
	for i := range text {
		if c := text[i]; c != '.' && storage.CheckKey("x"+string(c)) != nil {
			t.Errorf("byte %q is not safe everywhere", c)
		}
	}
}

func TestDamaged(t *testing.T) {
	for _, text := range []storage.Token{"", "mem", "mem.", "mem.!", "mem.e", "s3.e30", "mem.W10"} {
		var got staged
		if err := token.Decode("mem", text, &got); !errs.Is(err, errs.Invalid) {
			t.Errorf("Decode(%q) = %+v, %v", text, got, err)
		}
		if key := token.Key(text); key != "" {
			t.Errorf("Key(%q) = %q", text, key)
		}
	}
}

func TestIDs(t *testing.T) {
	a, b := token.NewID(), token.NewID()
	if a == b || len(a) != token.IDLen || storage.CheckKey(a) != nil {
		t.Errorf("ids %q and %q", a, b)
	}
}
