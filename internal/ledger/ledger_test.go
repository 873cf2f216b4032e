package ledger_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/internal/ledger/ledgertest"
	"github.com/mrctl/mrctl/jobs/spec"
	"github.com/mrctl/mrctl/storage"
)

func TestKeys(t *testing.T) {
	for got, want := range map[string]string{
		ledger.EpochKey(7):                                "lease.epochs/00000000000000000007",
		ledger.JobKey("x"):                                "jobs/x/job",
		ledger.TaskKey("x", 0, ledger.Reduce, 2, 17):      "jobs/x/t/0-reduce/2/00000017",
		ledger.LogKey("x", 0, ledger.Map, 17, 1):          "jobs/x/logs/0-map-00000017.1",
		ledger.PluginKey("abc"):                           "plugins/abc",
		ledger.TaskRecord{Job: "x", Phase: "map"}.Key():   "jobs/x/t/0-map/0/00000000",
		ledger.InboxKey("x") + " " + ledger.EndedKey("x"): "inbox/x ended/x",
	} {
		if got != want {
			t.Errorf("key %q, want %q", got, want)
		}
	}
}

func TestEpochOf(t *testing.T) {
	for _, n := range []uint64{0, 1, 1 << 62} {
		if got, ok := ledger.EpochOf(ledger.EpochKey(n)); !ok || got != n {
			t.Errorf("EpochOf(EpochKey(%d)) = %d, %v", n, got, ok)
		}
	}
	for _, key := range []string{"lease.epochs/1", "lease.epochs/99999999999999999999", "lease.epochs/18446744073709551615", "lease.epochs/0000000000000000000x", "lease"} {
		if n, ok := ledger.EpochOf(key); ok {
			t.Errorf("EpochOf(%q) = %d", key, n)
		}
	}
}

func TestJobIDs(t *testing.T) {
	a, b := ledger.NewJobID(), ledger.NewJobID()
	if !ledger.ValidJobID(a) || a >= b {
		t.Errorf("%s then %s: ids must be valid and rise", a, b)
	}
	r := spec.Job{RequestID: "nightly-7"}
	if id := ledger.JobIDFor(r); id != ledger.JobIDFor(r) || !ledger.ValidJobID(id) {
		t.Errorf("a request's id %q must be valid and always the same", id)
	}
	if ledger.JobIDFor(r) == ledger.JobIDFor(spec.Job{RequestID: "nightly-8"}) {
		t.Error("two requests have one id")
	}
	for _, bad := range []string{"", "../x", "inbox", a[:8], "urn:uuid:" + a, "{" + a + "}"} {
		if ledger.ValidJobID(bad) {
			t.Errorf("%q passes for a job id", bad)
		}
	}
}

func TestDecodeLease(t *testing.T) {
	want := ledger.Lease{V: 1, Epoch: 3, Holder: "h", Addr: "a:1", Seq: 9, Nonce: "n", TTL: 15000, Version: "v"}
	if got, err := ledger.DecodeLease(want.Encode()); err != nil || got != want {
		t.Errorf("read back %+v, %v", got, err)
	}
	for _, c := range []struct {
		body string
		kind errs.Kind
	}{
		{`{"v":2,"holder":{"name":"h"}}`, errs.Invalid}, // the number is read even where the rest does not fit
		{`{}`, errs.Corrupt}, {`nonsense`, errs.Corrupt}, {``, errs.Corrupt}, {`null`, errs.Corrupt},
		{`{"v":1}`, errs.Corrupt}, {`{"v":1,"epoch":-1,"holder":"h"}`, errs.Corrupt},
		{`{"v":1,"epoch":18446744073709551615,"holder":"h"}`, errs.Corrupt},
	} {
		_, err := ledger.DecodeLease([]byte(c.body))
		if !errs.Is(err, c.kind) || (c.kind == errs.Invalid) != errors.Is(err, ledger.ErrNewer) {
			t.Errorf("%q: %v, want kind %v", c.body, err, c.kind)
		}
	}
}

func TestReadLease(t *testing.T) {
	s := ledgertest.New()
	c := s.Client("c", nil)
	if _, err := ledger.ReadLease(t.Context(), c); !errs.Is(err, errs.NotFound) {
		t.Errorf("no lease: %v", err)
	}
	want := ledger.Lease{V: 1, Epoch: 1, Holder: "h"}
	s.Set(ledger.LeaseKey, want.Encode())
	if got, err := ledger.ReadLease(t.Context(), c); err != nil || got != want || !got.Led() {
		t.Errorf("lease %+v, %v", got, err)
	}
}

func TestPhases(t *testing.T) {
	// A cancel that comes once the output is being published has lost; what has ended stays so.
	for _, c := range []struct {
		from, to ledger.Phase
		may      bool
	}{
		{ledger.Planning, ledger.Running, true}, {ledger.Running, ledger.Running, true}, {ledger.Running, ledger.Cancelled, true},
		{ledger.Committing, ledger.Cancelled, false}, {ledger.Committing, ledger.Done, true}, {ledger.Running, ledger.Done, false},
		{ledger.Done, ledger.Running, false}, {ledger.Done, ledger.Done, false}, {ledger.Failed, ledger.Running, false},
		{ledger.Running, ledger.Queued, false}, {ledger.Running, ledger.Planning, false},
	} {
		if c.from.May(c.to) != c.may {
			t.Errorf("%s to %s: %v, want %v", c.from, c.to, !c.may, c.may)
		}
	}
}

// An older leader must not lose what a newer one wrote, be it in the job or in the spec.
func TestJobKeepsUnknownFields(t *testing.T) {
	id := ledger.NewJobID()
	body := []byte(`{"v":1,"id":"` + id + `","epoch":1,"nonce":"n","seq":4,"claims":1,"spec":{"name":"wc","plugins":{"linux/amd64":"ab"},` +
		`"inputs":["/in"],"max_bad_records":0,"submitted":"2026-01-02T03:04:05Z","colour":"red"},"phase":"running","gen":0,` +
		`"warnings":["one"],"stages":[{"name":"map"}],"zeal":7}`)
	j, err := ledger.DecodeJob(id, body)
	if err != nil {
		t.Fatal(err)
	}
	if j.Spec.Name != "wc" || j.Seq != 4 {
		t.Errorf("read %+v", j)
	}
	j.Warnings, j.Seq = nil, 5 // a known field that was set and is cleared must not come back
	out, err := j.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	again, err := ledger.DecodeJob(id, out)
	if err != nil {
		t.Fatal(err)
	}
	third, err := again.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	want := `{"v":1,"id":"` + id + `","epoch":1,"nonce":"n","seq":5,"claims":1,"phase":"running","gen":0,` +
		`"spec":{"name":"wc","plugins":{"linux/amd64":"ab"},"inputs":["/in"],"max_bad_records":0,"submitted":"2026-01-02T03:04:05Z","colour":"red"},` +
		`"stages":[{"name":"map"}],"zeal":7}`
	if string(third) != want {
		t.Error(cmp.Diff(want, string(third)))
	}
}

func TestDecodeJobRefuses(t *testing.T) {
	for body, kind := range map[string]errs.Kind{
		`{"v":2,"id":"x"}`: errs.Invalid, `{"v":1,"id":"y"}`: errs.Corrupt, `{"v":1,"id":"x","phase":3}`: errs.Corrupt, ``: errs.Corrupt,
	} {
		if _, err := ledger.DecodeJob("x", []byte(body)); !errs.Is(err, kind) {
			t.Errorf("%q: %v, want kind %v", body, err, kind)
		}
	}
}

func TestClone(t *testing.T) {
	j := ledger.Job{Counters: map[string]int64{"a": 1}, Holders: []string{"w1"}, Parts: []ledger.Part{{Key: "p"}}, Warnings: []string{"x"}}
	c := j.Clone()
	c.Counters["a"], c.Holders[0], c.Parts[0].Key, c.Warnings[0] = 2, "w2", "q", "y"
	if j.Counters["a"] != 1 || j.Holders[0] != "w1" || j.Parts[0].Key != "p" || j.Warnings[0] != "x" {
		t.Errorf("a clone shares memory: %+v", j)
	}
}

// count tells how many of a client's calls there were of each kind.
func count(c *ledgertest.Client) map[ledgertest.Op]int {
	n := map[ledgertest.Op]int{}
	for _, call := range c.Calls() {
		n[call.Op]++
	}
	return n
}

// lossy drops the first n writes or loses their replies.
func lossy(n int, drop bool) func(ledgertest.Call) ledgertest.Fate {
	return func(c ledgertest.Call) ledgertest.Fate {
		if c.Op != ledgertest.PutIf || n == 0 {
			return ledgertest.Fate{}
		}
		n--
		return ledgertest.Fate{Dropped: drop, Err: storage.ErrUnknown}
	}
}
