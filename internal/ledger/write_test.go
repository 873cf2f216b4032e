package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/internal/ledger/ledgertest"
	"github.com/mrctl/mrctl/jobs/spec"
	"github.com/mrctl/mrctl/storage"
)

func aSpec(request string) spec.Job {
	return spec.Job{Name: "wc", Plugins: map[string]string{"linux/amd64": "ab"}, Inputs: []string{"/in"}, RequestID: request, Submitted: time.Now()}
}

func TestCreateOnce(t *testing.T) {
	for _, c := range []struct {
		name string
		fate func(ledgertest.Call) ledgertest.Fate
		puts int
	}{
		{"at once", nil, 1},
		{"reply lost", lossy(1, false), 1},
		{"request lost", lossy(2, true), 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := ledgertest.New()
				client := s.Client("a", c.fate)
				there, _, mine, err := ledger.CreateOnce(t.Context(), client, "k", []byte("a"))
				if err != nil || !mine || string(there) != "a" || count(client)[ledgertest.PutIf] != c.puts {
					t.Errorf("%q, %v, %v after %v", there, mine, err, count(client))
				}
				there, v, mine, err := ledger.CreateOnce(t.Context(), s.Client("b", nil), "k", []byte("b"))
				if err != nil || mine || string(there) != "a" || v == "" {
					t.Errorf("second writer: %q, %q, %v, %v", there, v, mine, err)
				}
			})
		})
	}
}

func TestCreateOnceGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, _, _, err := ledger.CreateOnce(ctx, ledgertest.New().Client("a", lossy(1e9, true)), "k", []byte("a"))
		if !errors.Is(err, context.DeadlineExceeded) || !errs.Is(err, errs.Unavailable) {
			t.Errorf("store that swallows everything: %v", err)
		}
	})
	refused := func(ledgertest.Call) ledgertest.Fate {
		return ledgertest.Fate{Dropped: true, Err: errors.New("not allowed")}
	}
	client := ledgertest.New().Client("a", refused)
	if _, _, _, err := ledger.CreateOnce(t.Context(), client, "k", []byte("a")); err == nil || len(client.Calls()) != 1 {
		t.Errorf("a write that did not and will not happen was tried %d times: %v", len(client.Calls()), err)
	}
}

func TestSubmit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := ledgertest.New()
		sp := aSpec("")
		id := ledger.JobIDFor(sp)
		if err := ledger.SubmitInbox(t.Context(), s.Client("a", lossy(1, false)), id, sp); err != nil {
			t.Errorf("reply lost: %v", err)
		}
		if err := ledger.SubmitInbox(t.Context(), s.Client("b", nil), id, sp); !errs.Is(err, errs.Conflict) {
			t.Errorf("an id used twice without a request id: %v", err)
		}
		if j, err := ledger.ReadJob(t.Context(), s.Client("c", nil), id); err != nil || j.Phase != ledger.Queued || j.Spec.Name != "wc" {
			t.Errorf("read %+v, %v", j, err)
		}
		if err := ledger.SubmitInbox(t.Context(), s.Client("d", nil), "../evil", sp); !errs.Is(err, errs.Invalid) {
			t.Errorf("a key as id: %v", err)
		}
	})
}

func TestSubmitSameRequestIsOneJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := ledgertest.New()
		c := s.Client("a", nil)
		id := ledger.JobIDFor(aSpec("r1"))
		for range 2 {
			if err := ledger.SubmitInbox(t.Context(), c, id, aSpec("r1")); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second) // the second try has another clock
		}
		other := aSpec("r1")
		other.Partitions = 5
		if err := ledger.SubmitInbox(t.Context(), c, id, other); !errs.Is(err, errs.Conflict) {
			t.Errorf("one request id for two jobs: %v", err)
		}
		// The job has ended and its inbox entry is gone.
		job, err := ledger.Job{V: 1, ID: id, Spec: aSpec("r1"), Phase: ledger.Done}.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		s.Set(ledger.JobKey(id), job)
		s.Remove(ledger.InboxKey(id))
		if err := ledger.SubmitInbox(t.Context(), c, id, aSpec("r1")); err != nil || s.Read(ledger.InboxKey(id)) != nil {
			t.Errorf("a job that is over was submitted again: %v", err)
		}
		if err := ledger.SubmitInbox(t.Context(), c, id, other); !errs.Is(err, errs.Conflict) {
			t.Errorf("one request id for two jobs, the first over: %v", err)
		}
	})
}

func record(task int, worker string) ledger.TaskRecord {
	return ledger.TaskRecord{
		Job: "j", Phase: ledger.Reduce, Gen: 1, Task: task, Worker: worker, Staged: time.Unix(1e9, 0).UTC(), Tally: []byte(`{"rows":1}`),
		Part:   &ledger.Part{Key: "part-00000.tsv", Token: "tok", Rows: 1, Bytes: 2, CRC: 3},
		Inputs: ledger.Inputs{{0, "000102030405060708090a0b0c0d0e0f"}, {3, "ffffffffffffffffffffffffffffffff"}},
	}
}

func TestCreateTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := ledgertest.New()
		won, mine, err := ledger.CreateTask(t.Context(), s.Client("a", lossy(1, false)), record(0, "w1"))
		if err != nil || !mine {
			t.Fatalf("reply lost: %v, %v", mine, err)
		}
		want := record(0, "w1")
		want.V, want.Nonce = 1, won.Nonce
		if d := cmp.Diff(want, won); d != "" {
			t.Error(d)
		}
		lost, mine, err := ledger.CreateTask(t.Context(), s.Client("b", nil), record(0, "w2"))
		if err != nil || mine || lost.Worker != "w1" {
			t.Errorf("second attempt: %+v, %v, %v", lost, mine, err)
		}
		got, err := ledger.ReadTask(t.Context(), s.Client("c", nil), "j", 0, ledger.Reduce, 1, 0)
		if d := cmp.Diff(won, got); d != "" || err != nil {
			t.Error(d, err)
		}
		if _, err := ledger.ReadTask(t.Context(), s.Client("c", nil), "j", 0, ledger.Reduce, 2, 0); !errs.Is(err, errs.NotFound) {
			t.Errorf("record of another generation: %v", err)
		}
	})
}

// An attempt whose first call ended in doubt knows its own record at the second.
func TestCreateTaskAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := ledgertest.New()
		slow := func(ledgertest.Call) ledgertest.Fate { return ledgertest.Fate{Before: time.Minute} }
		rec := record(0, "w1")
		rec.Nonce = ledger.NewNonce()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, _, err := ledger.CreateTask(ctx, s.Client("a", slow), rec); err == nil {
			t.Fatal("no error though nothing was answered")
		}
		s.Settle()
		if _, mine, err := ledger.CreateTask(t.Context(), s.Client("b", nil), rec); err != nil || !mine {
			t.Errorf("second call: mine %v, %v", mine, err)
		}
	})
}

func TestCreateTaskBadDigest(t *testing.T) {
	rec := record(0, "w")
	rec.Inputs[1].Digest = "short"
	if _, _, err := ledger.CreateTask(t.Context(), ledgertest.New().Client("a", nil), rec); !errs.Is(err, errs.Invalid) {
		t.Errorf("digest of five bytes: %v", err)
	}
}

func TestTasks(t *testing.T) {
	s := ledgertest.New()
	c := s.Client("a", nil)
	const n = 600 // more than two batches
	for i := range n {
		if _, _, err := ledger.CreateTask(t.Context(), c, record(i, fmt.Sprint("w", i))); err != nil {
			t.Fatal(err)
		}
	}
	other := record(0, "w")
	other.Gen = 2
	if _, _, err := ledger.CreateTask(t.Context(), c, other); err != nil {
		t.Fatal(err)
	}
	next := 0
	for r, err := range ledger.Tasks(t.Context(), c, "j", 0, ledger.Reduce, 1) {
		if err != nil || r.Task != next || r.Worker != fmt.Sprint("w", next) {
			t.Fatalf("record %d: %+v, %v", next, r, err)
		}
		next++
	}
	if next != n {
		t.Errorf("%d records of %d", next, n)
	}
	for range ledger.Tasks(t.Context(), c, "j", 0, ledger.Reduce, 1) {
		break // must not leave anything running
	}
	s.Set(ledger.TaskKey("j", 0, ledger.Reduce, 1, 7), []byte("{"))
	var last error
	for _, last = range ledger.Tasks(t.Context(), c, "j", 0, ledger.Reduce, 1) {
	}
	if !errs.Is(last, errs.Corrupt) {
		t.Errorf("a damaged record: %v", last)
	}
}

func TestJobLists(t *testing.T) {
	s := ledgertest.New()
	c := s.Client("a", nil)
	ids := []string{"0190a", "0190b", "0190c", "0191d", "0191e"}
	for _, id := range ids[:3] {
		s.Set(ledger.EndedKey(id), nil)
	}
	for _, id := range ids[2:] { // 0190c has ended, its inbox entry is about to go
		s.Set(ledger.InboxKey(id), nil)
	}
	var got []string
	for id, err := range ledger.JobIDs(t.Context(), c, "") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, id)
	}
	if !slices.Equal(got, ids) {
		t.Errorf("jobs %v, want %v", got, ids)
	}
	if id, err := ledger.ResolveJobID(t.Context(), c, "0191d"); id != "0191d" || err != nil {
		t.Errorf("unique beginning: %q, %v", id, err)
	}
	if _, err := ledger.ResolveJobID(t.Context(), c, "0190"); !errs.Is(err, errs.Invalid) {
		t.Errorf("beginning of several: %v", err)
	}
	for _, p := range []string{"", "7", "../"} {
		if _, err := ledger.ResolveJobID(t.Context(), c, p); !errs.Is(err, errs.NotFound) {
			t.Errorf("beginning %q of none: %v", p, err)
		}
	}
}

func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := ledgertest.New()
		sp := aSpec("r")
		id := ledger.JobIDFor(sp)
		step := func(seq uint64, p ledger.Phase) {
			b, err := ledger.Job{V: 1, ID: id, Seq: seq, Phase: p, Spec: sp}.MarshalJSON()
			if err != nil {
				t.Error(err)
			}
			s.Set(ledger.JobKey(id), b)
		}
		if err := ledger.SubmitInbox(t.Context(), s.Client("a", nil), id, sp); err != nil {
			t.Fatal(err)
		}
		go func() {
			for i, p := range []ledger.Phase{ledger.Planning, ledger.Running, ledger.Done} {
				time.Sleep(10 * time.Second)
				step(uint64(i+1), p)
			}
		}()
		var got []ledger.Phase
		flaky := func(c ledgertest.Call) ledgertest.Fate {
			if c.N%3 == 0 {
				return ledgertest.Fate{Err: storage.ErrUnknown}
			}
			return ledgertest.Fate{}
		}
		for j, err := range ledger.Follow(t.Context(), s.Client("b", flaky), id, time.Second) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, j.Phase)
		}
		if want := []ledger.Phase{ledger.Queued, ledger.Planning, ledger.Running, ledger.Done}; !slices.Equal(got, want) {
			t.Errorf("saw %v, want %v", got, want)
		}
		for _, err := range ledger.Follow(t.Context(), s.Client("b", nil), ledger.NewJobID(), time.Second) {
			if !errs.Is(err, errs.NotFound) {
				t.Errorf("no such job: %v", err)
			}
		}
	})
}
