package ledger_test

import (
	"bytes"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/internal/ledger/ledgertest"
)

// The first cuts of a stage stand, whoever comes later with others.
func TestCuts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := ledgertest.New()
		if _, err := ledger.ReadCuts(t.Context(), s.Client("a", nil), "j", 0); !errs.Is(err, errs.NotFound) {
			t.Errorf("before there are any: %v", err)
		}
		mine, err := ledger.CreateCuts(t.Context(), s.Client("a", lossy(1, false)), ledger.Cuts{Job: "j", Keys: [][]byte{{}, {0xff, 0}}})
		if err != nil {
			t.Fatal(err)
		}
		there, err := ledger.CreateCuts(t.Context(), s.Client("b", nil), ledger.Cuts{Job: "j", Keys: [][]byte{{'x'}, {'y'}}})
		if d := cmp.Diff(mine, there); d != "" || err != nil {
			t.Error(d, err)
		}
		read, err := ledger.ReadCuts(t.Context(), s.Client("c", nil), "j", 0)
		if d := cmp.Diff(mine, read); d != "" || err != nil {
			t.Error(d, err)
		}
		s.Set(ledger.CutsKey("k", 0), s.Read(ledger.CutsKey("j", 0)))
		if _, err := ledger.ReadCuts(t.Context(), s.Client("d", nil), "k", 0); !errs.Is(err, errs.Corrupt) {
			t.Errorf("those of another job: %v", err)
		}
		for part, want := range [][2][]byte{{nil, {}}, {{}, {0xff, 0}}, {{0xff, 0}, nil}} {
			low, high, err := read.Bounds(part)
			if err != nil || !bytes.Equal(low, want[0]) || !bytes.Equal(high, want[1]) || (high == nil) != (want[1] == nil) {
				t.Errorf("part %d: %q to %q, %v", part, low, high, err)
			}
		}
		if _, _, err := read.Bounds(3); err == nil {
			t.Error("there is a fourth part of two cuts")
		}
	})
}
