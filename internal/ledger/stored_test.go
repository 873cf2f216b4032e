package ledger_test

import (
	"slices"
	"testing"

	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/internal/ledger/ledgertest"
)

// A stage that has ended takes its runs with it, and none of another stage or job, whose number begins alike.
func TestDropStored(t *testing.T) {
	s := ledgertest.New()
	var stay []string
	for _, run := range []struct {
		job   string
		stage int
	}{{"j", 0}, {"j", 1}, {"j", 2}, {"j", 10}, {"j", 11}, {"jj", 1}} {
		for task := range 2 {
			rec := ledger.StoredRun{Job: run.job, Stage: run.stage, Task: task, Attempt: 3, Worker: "w", Digest: "d"}
			if err := ledger.CreateStored(t.Context(), s.Client("w", nil), rec); err != nil {
				t.Fatal(err)
			}
			s.Set(ledger.RunKey(run.job, run.stage, task, 3), []byte("run"))
			if run.job != "j" || run.stage != 1 {
				stay = append(stay, rec.Key(), ledger.RunKey(run.job, run.stage, task, 3))
			}
		}
	}
	task := ledger.TaskKey("j", 1, ledger.Map, 0, 0) // which the end of a stage leaves
	s.Set(task, []byte("record"))
	stay = append(stay, task)
	slices.Sort(stay)
	for range 2 { // it may be done again
		if err := ledger.DropStored(t.Context(), s.Client("c", nil), "j", 1); err != nil {
			t.Fatal(err)
		}
		if got := s.Keys(""); !slices.Equal(slices.Sorted(slices.Values(got)), stay) {
			t.Errorf("there are %q, want %q", got, stay)
		}
	}
	if list, err := ledger.StoredRuns(t.Context(), s.Client("c", nil), "j", 1); len(list) > 0 || err != nil {
		t.Errorf("stored runs of the stage: %v, %v", list, err)
	}
	if list, err := ledger.StoredRuns(t.Context(), s.Client("c", nil), "j", 2); len(list) != 2 || err != nil {
		t.Errorf("stored runs of the next: %v, %v", list, err)
	}
}
