package storagetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/faulty"
)

// Some clients read and replace few records, as coordinators do the lease and jobs; requests and replies are lost, delayed
// beyond their caller's patience, and refused.
var histories = []sentence{
	{"records under faults have one history", func(s *suite) {
		const clients, calls = 6, 60
		h := NewHistory(func(string) bool { return true })
		bad := func(store storage.Store, seed uint64) *faulty.Store {
			return faulty.New(store, faulty.Only(faulty.Random(seed, faulty.Rates{
				LoseRequest: 0.03, LoseReply: 0.06, Delay: 0.1, Refuse: 0.03, MaxWait: 30 * time.Millisecond,
			}), faulty.Get, faulty.PutIf))
		}
		stores := []*faulty.Store{bad(s.a, 1), bad(s.b, 2)}
		s.contend(clients, func(i int, _ storage.Store) {
			rng := rand.New(rand.NewPCG(7, uint64(i)))
			store := h.View(i, stores[i%2])
			known := map[string]storage.Version{}
			for n := range calls {
				key := fmt.Sprintf("h/%d", rng.IntN(3))
				ctx, cancel := context.WithTimeout(s.ctx, time.Second)
				if rng.IntN(8) == 0 { // so that what it sends may land when it has gone
					cancel()
					ctx, cancel = context.WithTimeout(s.ctx, 10*time.Millisecond)
				}
				if rng.IntN(3) == 0 {
					_, info, err := store.Get(ctx, key)
					if err == nil {
						known[key] = info.Version
					}
				} else if v, err := store.PutIf(ctx, key, fmt.Appendf(nil, "client %d, call %d", i, n), known[key]); err == nil {
					known[key] = v
				} else if _, info, err := store.Get(ctx, key); err == nil {
					known[key] = info.Version
				}
				cancel()
			}
		})
		for _, f := range stores {
			f.Wait()
		}
		for key := range 3 { // how it all ended, without faults
			_, _, _ = h.View(clients, s.a).Get(s.ctx, fmt.Sprintf("h/%d", key))
		}
		h.Check(s)
	}},
}
