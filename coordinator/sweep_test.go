package coordinator

import (
	"context"
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"google.golang.org/protobuf/proto"

	controlv1 "github.com/mrctl/mrctl/api/control/v1"
	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/internal/codec"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/output"
)

// tale is a job of the sweep: what is done to it, and how it may end.
type tale struct {
	name   string
	bad    bool // one of its groups is
	cancel bool // when it is half way
	sorted bool // its parts are ordered overall
	stages bool // it has two
	maps   bool // it only maps, and so do both stages where there are two
	named  bool // it has a named output
	ends   []ledger.Phase
}

var tales = []tale{
	{name: "done", ends: []ledger.Phase{ledger.Done}},
	{name: "sorted", sorted: true, ends: []ledger.Phase{ledger.Done}},
	{name: "stages", stages: true, ends: []ledger.Phase{ledger.Done}},
	{name: "named", named: true, ends: []ledger.Phase{ledger.Done}},
	{name: "maps", maps: true, named: true, ends: []ledger.Phase{ledger.Done}},
	{name: "stages of maps", maps: true, stages: true, ends: []ledger.Phase{ledger.Done}},
	{name: "failing", bad: true, ends: []ledger.Phase{ledger.Failed}},
	{name: "cancelled", cancel: true, ends: []ledger.Phase{ledger.Cancelled}},
}

// sweep is what the runs of a sweep came to, all together.
type sweep struct {
	runs, starts, again, twice int
	led                        int             // leaders that wrote in the last run
	kinds                      map[string]bool // of writes at which a leader stopped
}

// mostWrites is more than a leader makes in any tale.
const mostWrites = 100

// one runs a tale with the fates given, and says at which write the last of them struck; "" if it did not.
func (x tale) one(t *testing.T, total *sweep, fates ...fate) (struck string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		if struck = x.run(t, total, fates...); t.Failed() {
			t.Logf("%s: leaders stop at their writes as in %v; at last at %s", x.name, fates, struck)
		}
	})
	return struck
}

// TestLeaderStopsAtEveryWrite: a leader dies before each of its writes, after it, or freezes and makes it when another has
// led for a while. The job ends as it would have, with its output whole and once, and without work done twice.
func TestLeaderStopsAtEveryWrite(t *testing.T) {
	total := sweep{kinds: map[string]bool{}}
	for _, x := range tales {
		for _, how := range []manner{diesBefore, diesAfter, freezes} {
			if (how == freezes && x.name != "done" || how == diesBefore && x.stages) && os.Getenv("MRCTL_SWEEP") == "" {
				continue // `make sweep` has these
			}
			// How writes are grouped differs a little from run to run, and so does how many there are.
			for n, missed := 1, 0; missed < 2 && n < mostWrites; n++ {
				if x.one(t, &total, fate{write: n, how: how}) == "" {
					missed++
				}
			}
		}
	}
	total.judge(t)
	for _, kind := range []string{"put inbox/", "put jobs/*/job", "put jobs/*/plan/", "put jobs/*/t/0-cuts", "put jobs/*/history", "put ended/", "delete inbox/",
		"put out:_mrctl", "publish out:", "put out:_SUCCESS", "discard out:"} {
		for i := 0; i < len(tales) && !total.kinds[kind]; i++ { // passed over, for the number of writes before it changed from one run to the next
			tales[i].one(t, &total, fate{write: 1, how: diesAfter, kind: kind})
		}
		if !total.kinds[kind] {
			t.Errorf("no leader stopped at %s", kind)
		}
	}
}

// TestPanicAtEveryWrite: what panics while it handles a job ends that job at most, and never the leadership.
func TestPanicAtEveryWrite(t *testing.T) {
	total := sweep{kinds: map[string]bool{}}
	for _, x := range tales {
		x.ends = append(x.ends, ledger.Failed)
		for n := 1; x.one(t, &total, fate{write: n, how: fails}) != "" && !t.Failed(); n++ {
			if total.led != 1 {
				t.Fatalf("%s: after a panic at write %d %d leaders wrote", x.name, n, total.led)
			}
		}
	}
	t.Logf("%d runs", total.runs)
}

// TestReplyLostAtEveryWrite: a write takes effect, and what tells so is lost, as is the answer to the question that follows.
// The leader tries its step again on a record that has moved on, and must do nothing twice.
func TestReplyLostAtEveryWrite(t *testing.T) {
	total := sweep{kinds: map[string]bool{}}
	for _, x := range tales {
		for n := 1; x.one(t, &total, fate{write: n, how: unsure}) != "" && !t.Failed(); n++ {
			if total.led != 1 {
				t.Fatalf("%s: after write %d, whose reply was lost, %d leaders wrote", x.name, n, total.led)
			}
		}
	}
	t.Logf("%d runs", total.runs)
}

// TestTwoLeadersStopAtEveryWrite: the same for each pair of writes of two leaders, one after the other. It takes minutes;
// `make sweep` runs it whole, everybody else a diagonal.
func TestTwoLeadersStopAtEveryWrite(t *testing.T) {
	whole := os.Getenv("MRCTL_SWEEP") != ""
	total := sweep{kinds: map[string]bool{}}
	for _, x := range tales {
		for _, how := range []manner{diesBefore, diesAfter, freezes} {
			if !whole && (x.name != "done" || how != diesAfter) {
				continue
			}
			for first := 1; first < mostWrites; first++ {
				struck := ""
				for second := 1; second < mostWrites; second++ {
					if !whole && second != first {
						continue
					}
					if struck = x.one(t, &total, fate{write: first, how: how}, fate{write: second, how: how}); struck == "" {
						break
					}
				}
				if struck == "" && total.led < 2 {
					break // not even the first has so many
				}
			}
		}
	}
	total.judge(t)
}

// judge holds what was done again against what was done.
func (s *sweep) judge(t *testing.T) {
	t.Logf("%d runs, %d attempts; %d of finished tasks, %d beside a running one", s.runs, s.starts, s.again, s.twice)
	if s.again*20 > s.starts || s.twice*20 > s.starts {
		t.Errorf("of %d attempts %d were of tasks that were finished, %d of such as ran", s.starts, s.again, s.twice)
	}
}

// run is one run. It says at which write the last leader of those fated stopped; "" if it did not.
func (x tale) run(t *testing.T, total *sweep, fates ...fate) (struck string) {
	tn := newTown(t, 2, fates...)
	defer tn.close()
	if x.bad {
		tn.bad = func(id *sessionv1.AttemptID) bool {
			return id.Phase == sessionv1.AttemptID_PHASE_REDUCE && id.Task == 1
		}
	}
	splits := 6
	if x.maps && x.stages { // the second has a task for each 32 bytes of what lies between
		splits = 1
	}
	spec := tn.job(splits, 2)
	spec.MaxAttempts, spec.Sorted = 2, x.sorted
	if x.maps || x.named {
		stage := &pluginv1.Stage{Name: spec.Name, HasMap: true, MapOnly: x.maps, HasReduce: !x.maps}
		if x.named {
			stage.Outputs = []*pluginv1.Output{{Name: "aside"}}
		}
		spec.Stage = marshal(t, stage)
	}
	if x.maps {
		spec.Partitions = 0
	}
	if x.stages {
		spec.Then = [][]byte{secondStage(t, spec.Name, x.maps)}
	}
	id := tn.order(spec)
	if x.cancel {
		pause(tn.ctx, 4*time.Second)
		tn.patiently(func(ctx context.Context, c controlv1.ControlServiceClient) error {
			_, err := c.Cancel(ctx, &controlv1.CancelRequest{Job: id, Reason: "enough"})
			return err
		})
	}
	j := tn.over(id)
	tn.thaw()
	synctest.Wait()
	pause(tn.ctx, time.Minute)
	total.led = len(tn.led)
	for i, m := range tn.led[:min(len(tn.led), len(fates))] {
		if m.struck == "" {
			continue
		}
		if i == len(fates)-1 {
			struck = m.struck
		}
		total.kinds[kindOf(struck)] = true
		if m.fate.how == freezes && strings.HasSuffix(struck, "/job") && !errors.Is(m.late, storage.ErrPrecondition) {
			t.Errorf("a write of the old leader, %s, got through after its time: %v", struck, m.late)
		}
	}
	if x.stages && len(tn.led) == 1 && tn.led[0].struck == "" { // else who ended the job may have died before it could remove them, and gc will
		for info, err := range tn.store.Store.List(tn.ctx, ledger.JobPrefix+id+"/"+ledger.StagePrefix, "") {
			if err != nil || strings.Contains(info.Key, "/out/") {
				t.Errorf("rows between stages are left behind: %s, %v", info.Key, err)
			}
		}
	}
	if again := ledgerOf(tn, id); again.Nonce != j.Nonce {
		t.Errorf("the job went on after its end: %+v, then %+v", j, again)
	}
	x.check(t, tn, j)
	total.runs++
	total.starts += tn.census.starts
	total.again += len(tn.census.again)
	total.twice += len(tn.census.twice)
	return struck
}

func ledgerOf(tn *town, id string) ledger.Job {
	j, err := ledger.ReadJob(tn.ctx, tn.store.Store, id)
	if err != nil {
		tn.t.Error(err)
	}
	return j
}

var jobIDs = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// kindOf leaves out of a write what differs from job to job.
func kindOf(write string) string {
	write = jobIDs.ReplaceAllString(write, "*")
	for _, part := range []string{"/plan/", "inbox/", "ended/"} {
		if i := strings.Index(write, part); i >= 0 {
			return write[:i+len(part)]
		}
	}
	return write
}

// check holds the end of a run against what it is to be.
func (x tale) check(t *testing.T, tn *town, j ledger.Job) {
	t.Helper()
	if !slices.Contains(x.ends, j.Phase) {
		t.Errorf("the job is %s, want one of %v: %s", j.Phase, x.ends, j.Error)
	}
	switch {
	case j.Phase == ledger.Done:
		tn.whole(j)
		if n := tn.census; len(n.again) > 0 || len(n.repeated) > 0 {
			t.Errorf("started again: finished %v, running %v; used names: %v", n.again, n.twice, n.repeated)
		}
	case strings.Contains(tn.visible(), output.SuccessKey):
		t.Errorf("a job that is %s shows %q", j.Phase, tn.visible())
	case len(x.ends) == 1 && strings.Contains(tn.visible(), "part"):
		t.Errorf("the output shows %q", tn.visible())
	}
	if x.bad && len(x.ends) == 1 && !strings.Contains(j.Error, "this record is bad") {
		t.Errorf("it failed of %q", j.Error)
	}
	if j.Claims > len(tn.led) {
		t.Errorf("%d of %d leaders have claimed the job", j.Claims, len(tn.led))
	}
}

// secondStage describes a stage that reads the rows of the first.
func secondStage(t *testing.T, first string, onlyMaps bool) []byte {
	t.Helper()
	schema, err := codec.MarshalSchema(arrow.NewSchema([]arrow.Field{{Name: "word", Type: arrow.BinaryTypes.String}}, nil))
	if err != nil {
		t.Fatal(err)
	}
	return marshal(t, &pluginv1.Stage{Name: "second", HasMap: true, MapOnly: onlyMaps, Inputs: []*pluginv1.Input{
		{Name: first, InputKind: pluginv1.Stage_INPUT_KIND_ROW, InputSchema: schema, After: 1}}})
}

func marshal(t *testing.T, s *pluginv1.Stage) []byte {
	t.Helper()
	b, err := proto.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
