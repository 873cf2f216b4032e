package jobs

import (
	"context"
	"fmt"
	"regexp"
	"sync"
	"sync/atomic"
)

// Counter counts something of the job's own: a package-level variable made by NewCounter. Its total over the committed
// attempts is exact: what failed or superseded attempts counted is left out.
type Counter struct{ name, help string }

var counterRE = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]{0,63}$`)

// NewCounter makes a counter. The name, of letters, digits and _, labels it in the job's report; counters of one name
// are one. help says in a few words what it counts. A bad name panics.
func NewCounter(name, help string) *Counter {
	if !counterRE.MatchString(name) {
		panic(fmt.Sprintf("jobs: counter name %q is not 1 to 64 of letters, digits and _, a letter first", name))
	}
	return &Counter{name, help}
}

// Name is the counter's name.
func (c *Counter) Name() string { return c.name }

// Help is what the counter counts.
func (c *Counter) Help() string { return c.help }

// Add counts n. ctx is the one given to the job's function; with any other, nothing is counted.
func (c *Counter) Add(ctx context.Context, n int64) {
	if t, ok := ctx.Value(tallyKey{}).(*tally); ok {
		t.of(c).Add(n)
	}
}

type tallyKey struct{}

// tally is what one attempt has counted. A job's function may count from goroutines of its own.
type tally struct{ counts sync.Map } // *Counter -> *atomic.Int64

func (t *tally) of(c *Counter) *atomic.Int64 {
	if n, ok := t.counts.Load(c); ok {
		return n.(*atomic.Int64)
	}
	n, _ := t.counts.LoadOrStore(c, new(atomic.Int64))
	return n.(*atomic.Int64)
}

// sums is what was counted, by name.
func (t *tally) sums() map[string]int64 {
	sums := map[string]int64{}
	t.counts.Range(func(c, n any) bool {
		sums[c.(*Counter).name] += n.(*atomic.Int64).Load()
		return true
	})
	return sums
}
