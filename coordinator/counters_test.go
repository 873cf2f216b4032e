package coordinator

import (
	"slices"
	"testing"

	"github.com/mrctl/mrctl/internal/ledger"
)

// Counts that are not whole come with a warning, once; those that an earlier leader wrote down whole stay as they are.
func TestShortCountersAreSaidToBeSo(t *testing.T) {
	short := map[string]int64{"map.records_in": 1}
	var r ledger.Job
	r.Warnings = []string{"before"}
	recordCounters(&r, short, false)
	recordCounters(&r, short, false) // a publish that is repeated
	if want := []string{"before", shortCounters}; !slices.Equal(r.Warnings, want) || r.Counters["map.records_in"] != 1 {
		t.Errorf("counters %v with warnings %q, want %q", r.Counters, r.Warnings, want)
	}
	whole := ledger.Job{Counters: map[string]int64{"map.records_in": 2}}
	recordCounters(&whole, short, false)
	if whole.Counters["map.records_in"] != 2 || whole.Warnings != nil {
		t.Errorf("counters %v with warnings %q, want those recorded before", whole.Counters, whole.Warnings)
	}
	var plain ledger.Job
	recordCounters(&plain, short, true)
	if plain.Counters["map.records_in"] != 1 || plain.Warnings != nil {
		t.Errorf("counters %v with warnings %q, want no warning", plain.Counters, plain.Warnings)
	}
}
