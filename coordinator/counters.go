package coordinator

import (
	"context"
	"maps"
	"slices"
	"time"

	"go.uber.org/zap"

	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/coordinator/sched"
	"github.com/mrctl/mrctl/internal/ledger"
)

// mapCounters adds up the map attempts that the reduces consumed. What the record holds already (written when the maps
// were done) serves where a worker that died took its tallies with it; known is false where neither is whole. Called in the
// loop only.
func (j *job) mapCounters() (sum map[string]int64, known bool) {
	sum, known = map[string]int64{}, true
	if j.onlyMaps() { // what they counted is in the records of the winners
		return sum, true
	}
	for i := range j.maps() {
		if t := j.tallyOf(int32(i)); t != nil {
			addTally(sum, "map", t)
		} else {
			known = false
		}
	}
	if recorded := j.chain.Job().Counters; !known && recorded != nil {
		return maps.Clone(recorded), true
	}
	return sum, known
}

// awaitCounters waits until it is known what the maps of a job counted. Where an earlier leader died before it wrote that
// down, the workers that hold the runs bring it along; it is waited for them as long as for anything they hold. Counts
// that nobody has any more do not keep a result back.
func (l *leader) awaitCounters(ctx context.Context, j *job) error {
	const often = 50 * time.Millisecond
	for {
		var known bool
		var until time.Time
		if err := l.ask(ctx, func() {
			_, known = j.mapCounters()
			until = j.awaitUntil
		}); err != nil || known {
			return err
		}
		if !time.Now().Before(until) {
			l.log.Warn(shortCounters, zap.String("job", string(j.id))) // and recordCounters tells the client
			return nil
		}
		select {
		case <-time.After(often):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// shortCounters is the warning of a job some of whose counts are lost.
const shortCounters = "the counters leave out what some maps counted: it died with a leader and their workers; the output is whole"

// recordCounters writes down what the maps counted, for the next leader, to whom nobody tells it again. What stands there
// already stays. Counts that are not whole are said to be so, to whoever looks at the job.
func recordCounters(r *ledger.Job, maps map[string]int64, whole bool) {
	if r.Counters != nil {
		return
	}
	r.Counters = maps
	if !whole {
		r.Warnings = append(slices.Clone(r.Warnings), shortCounters)
	}
}

// tallyOf finds the counts of a map task's chosen attempt: one a reduce consumed if there is one, else the lowest.
func (j *job) tallyOf(task int32) *sessionv1.Tally {
	var best *sessionv1.Tally
	var lowest int32
	for _, w := range j.winners {
		if int(task) < len(w.Inputs) {
			id := sched.AttemptID{TaskID: sched.TaskID{Job: j.id, Stage: j.stage(), Phase: sched.Map, Index: task}, Attempt: w.Inputs[task].Attempt}
			if t := j.tallies[id]; t != nil {
				return t
			}
		}
		break
	}
	for id, t := range j.tallies {
		if id.Index == task && (best == nil || id.Attempt < lowest) {
			best, lowest = t, id.Attempt
		}
	}
	return best
}

func addTally(to map[string]int64, phase string, t *sessionv1.Tally) {
	if t == nil {
		return
	}
	to[phase+".records_in"] += int64(t.RecordsIn)
	to[phase+".rows_out"] += int64(t.RowsOut)
	if phase == "map" {
		to["map.bytes_in"] += int64(t.BytesIn)
		to["map.pairs_out"] += int64(t.PairsOut)
		to["map.bad_records"] += int64(t.BadRecords)
	} else {
		to["reduce.shuffled_bytes"] += int64(t.ShuffledBytes)
		to["reduce.bytes_out"] += int64(t.BytesOut)
	}
	for k, v := range t.User {
		to["user."+k] += v
	}
}
