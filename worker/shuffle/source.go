package shuffle

import (
	"context"

	"golang.org/x/sync/errgroup"

	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/internal/ledger"
)

// lanes is over how many streams at most a reader takes the runs of one producer. Each has a connection of its own: what
// HTTP/2 and TLS cost a connection is done by one thread at either end, and two of them are what a reader keeps up with.
const lanes = 2

// width is how many streams there are to a source.
func width(src *sessionv1.Source) int {
	if src.GetWorker() == ledger.InStore {
		return storeLanes
	}
	return lanes
}

// source lands every run of a source that is another worker's, or reports it lost.
func (f *fetch) source(ctx context.Context, src *sessionv1.Source) error {
	g, ctx := errgroup.WithContext(ctx)
	n := min(width(src), len(src.GetTasks()))
	for at := range n {
		part := &sessionv1.Source{Worker: src.GetWorker(), Addr: src.GetAddr()}
		for j := at; j < len(src.GetTasks()); j += n {
			part.Tasks = append(part.Tasks, src.GetTasks()[j])
			part.Attempts = append(part.Attempts, src.GetAttempts()[j])
		}
		l := &lane{f: f, src: part, way: at, dir: scratchFile{dir: f.req.Scratch}}
		g.Go(func() error { return l.fetch(ctx) })
	}
	return g.Wait()
}
