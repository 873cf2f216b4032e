package coordinator

import (
	"errors"
	"slices"
	"testing"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/jobs/spec"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/mem"
	"github.com/mrctl/mrctl/storage/output"
	"github.com/mrctl/mrctl/storage/storagetest/crash"
)

// TestPublishBad: of all that attempts left, that of those the winners consumed is put beside the parts, once, by however
// many leaders, wherever one of them dies.
func TestPublishBad(t *testing.T) {
	ctx := t.Context()
	store := mem.New()
	for _, f := range []struct {
		task    int
		attempt int32
	}{{0, 0}, {0, 1}, {2, 1000}, {3, 0}} {
		body := []byte{byte('a' + f.task), byte('0' + f.attempt%7)}
		if _, err := store.PutIf(ctx, ledger.BadKey("j", f.task, f.attempt), body, ""); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := store.PutIf(ctx, ledger.BadKey("other", 1, 0), []byte("x"), ""); err != nil {
		t.Fatal(err)
	}
	rec := ledger.Job{ID: "j", Spec: spec.Job{MaxBadRecords: 5}}
	winners := []ledger.TaskRecord{{Inputs: ledger.Inputs{{Attempt: 1}, {Attempt: 0}, {Attempt: 1000}}}}
	l := &leader{srv: &Server{cfg: Config{Store: store}}}
	want := map[string]string{output.BadName(0): "a1", output.BadName(2): "c6"}
	for _, how := range []crash.How{crash.Before, crash.After, crash.Unknown} {
		for at := 1; ; at++ {
			out := mem.New()
			dying := crash.New(out, at, how)
			_ = l.publishBad(ctx, rec, winners, dying) // a leader that may die of it
			for range 2 {
				if err := l.publishBad(ctx, rec, winners, out); err != nil {
					t.Fatalf("after death %d at call %d: %v", how, at, err)
				}
			}
			var there []string
			for info, err := range out.List(ctx, "", "") {
				if err != nil {
					t.Fatal(err)
				}
				body, _, err := out.Get(ctx, info.Key)
				if err != nil || string(body) != want[info.Key] {
					t.Errorf("%s is %q, %v", info.Key, body, err)
				}
				there = append(there, info.Key)
			}
			if !slices.Equal(there, []string{output.BadName(0), output.BadName(2)}) {
				t.Fatalf("death %d at call %d: %v", how, at, there)
			}
			if !dying.Hit() {
				break
			}
		}
	}
	rec.Spec.MaxBadRecords = -1
	if err := l.publishBad(ctx, rec, winners, nil); err != nil {
		t.Error(err)
	}
	if err := copyOnce(ctx, store, "nothing", mem.New(), "a"); !errors.Is(err, storage.ErrNotExist) || errs.KindOf(err) == errs.Invalid {
		t.Errorf("%v", err)
	}
}
