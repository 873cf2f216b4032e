package shuffle

import (
	"context"

	"google.golang.org/grpc"

	shufflev1 "github.com/mrctl/mrctl/api/shuffle/v1"
	"github.com/mrctl/mrctl/internal/frame"
)

// Route is one way to the runs of a producer: a connection to it, or the Vault where they lie in the store. A stream that
// broke, or was given up as too slow, goes on over the next route from where it had come to.
//
// Open asks for ranges; they come as (*Server).Fetch sends them, until ctx ends.
type Route interface {
	Open(ctx context.Context, req *shufflev1.FetchRequest) (Frames, error)
}

// Frames is what comes, as of a gRPC stream: RecvMsg takes a *frame.Loose over a *shufflev1.FetchResponse. One that is an
// io.Closer is closed.
type Frames interface {
	RecvMsg(m any) error
}

// overConn is a connection to the producer itself.
type overConn struct{ conn grpc.ClientConnInterface }

func (r overConn) Open(ctx context.Context, req *shufflev1.FetchRequest) (Frames, error) {
	return shufflev1.NewShuffleServiceClient(r.conn).Fetch(ctx, req, frame.Call())
}
