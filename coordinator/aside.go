package coordinator

import (
	"time"

	"go.uber.org/zap"

	"github.com/mrctl/mrctl/internal/errs"
)

// A leader that reaches the store but none of the workers keeps the lease and does nothing with it. It steps aside for a
// candidate that may reach them: gives the lease up and lets others go first. It does so only where there is something to
// do and reason to believe in workers: some were attached to it, or a job's record names some. If no other takes the
// lease it leads again, and is twice as patient from then on, until a worker comes: where workers have simply gone, the
// lease does not go to and fro.

// longestSolitude bounds how patient a leader becomes.
const longestSolitude = 10 * time.Minute

// solitude is what a leader knows of workers it cannot see. It is owned by the loop, and by takeOver before that.
type solitude struct {
	expected bool      // there are workers, or were
	since    time.Time // when the last was seen, or the leadership began
}

// checkSolitude steps aside when it is time to. Called in the loop only.
func (l *leader) checkSolitude() {
	live := false
	for _, j := range l.jobs {
		live = live || !j.over
	}
	if len(l.sessions) > 0 || !l.solitude.expected || !live {
		return
	}
	patience := min(l.srv.cfg.Solitude<<min(l.srv.lonely.Load(), 10), longestSolitude)
	alone := time.Since(l.solitude.since)
	if alone <= patience {
		return
	}
	l.srv.lonely.Add(1)
	l.log.Warn("stepping aside: there is work, and no worker reaches this coordinator", zap.Duration("for", alone))
	l.end(errs.New(errs.Unavailable, "no worker has reached this coordinator for %v", alone.Round(time.Second)))
}

// accompanied notes that a worker is here. Called in the loop only.
func (l *leader) accompanied() {
	l.solitude.expected = true
	l.srv.lonely.Store(0)
}
