package coordinator

import (
	"testing"

	"github.com/mrctl/mrctl/internal/ledger"
)

func TestNothingIsPublishedWithoutEveryPart(t *testing.T) {
	part := &ledger.Part{Key: "part"}
	whole := []ledger.TaskRecord{{Task: 0, Part: part}, {Task: 1, Part: part}}
	if err := complete(whole, 2); err != nil {
		t.Error(err)
	}
	for name, c := range map[string]struct {
		winners    []ledger.TaskRecord
		partitions int
	}{
		"one too few":   {whole, 3},
		"one too many":  {whole, 1},
		"a gap":         {[]ledger.TaskRecord{{Task: 0, Part: part}, {Task: 2, Part: part}}, 2},
		"one twice":     {[]ledger.TaskRecord{{Task: 0, Part: part}, {Task: 0, Part: part}}, 2},
		"without parts": {[]ledger.TaskRecord{{Task: 0, Part: part}, {Task: 1}}, 2},
	} {
		if err := complete(c.winners, c.partitions); err == nil {
			t.Errorf("%s: published", name)
		}
	}
}
