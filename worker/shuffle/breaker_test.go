package shuffle

import (
	"context"
	"sync"
	"testing"

	shufflev1 "github.com/mrctl/mrctl/api/shuffle/v1"
	"github.com/mrctl/mrctl/internal/errs"
)

// Many attempts that read from a dead producer find that out together: it is not called by each of them as often as each
// may try.
func TestADeadProducerIsLeftAlone(t *testing.T) {
	w := holder(t, 1, 1, 1000)
	in(t, func(t *testing.T) {
		const readers, tries = 20, 6
		dead := &pipe{w: w, fault: func(context.Context, int, *shufflev1.FetchResponse) (frames, error) {
			return nil, errs.ToStatus(errs.New(errs.Unavailable, "connection refused"))
		}}
		c := throughPipes(Config{Tries: tries}, dead)
		var all sync.WaitGroup
		for range readers {
			all.Go(func() {
				_, err := c.Fetch(t.Context(), request(t, 0, 1<<30, w))
				if got := missing(t, err); len(got) != 1 {
					t.Errorf("%v", err)
				}
			})
		}
		all.Wait()
		if n := len(dead.opened()); n < 8 || n > 2*readers {
			t.Errorf("%d streams were opened for %d readers with %d tries each", n, readers, tries)
		}
	})
}
