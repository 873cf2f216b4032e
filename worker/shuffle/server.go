// Package shuffle moves sections of run files between workers: each reduce attempt reads its partition of every map run.
//
// A stream carries the sections of many runs one after the other, in frames of bodySize bytes; a reader has a small fixed
// number of streams to a producer, however many runs it holds. The credit of a stream is HTTP/2's, in bytes. A run that is
// not there is told in its place and the stream goes on. A stream that breaks, brings nothing, or is far slower than its
// peers is given up and goes on over another connection at the byte it had come to.
//
// The reader lands each section whole, in memory while its budget lasts and in a scratch file after that, checks it to
// its seal, and only then lets it be merged. Nothing that drains a stream ever waits for a merge, so that readers cannot
// hold producers up in a circle. Runs of the reader's own worker are read where they lie.
//
// Nothing on the way is checked but by the run's own checksums, where it lands. A section that is not what was written is
// fetched once more; is it damaged again, it is so at its producer, and the run is reported missing for its map to run
// again.
//
// A byte is copied by the kernel at either end and three times between: into the buffer of frames to write, out of the one
// of frames read, and to where it lands. All buffers but the last are used again, see frame.Loose.
package shuffle

import (
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"

	shufflev1 "github.com/mrctl/mrctl/api/shuffle/v1"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/frame"
	"github.com/mrctl/mrctl/worker/runs"
)

// bodySize is how many bytes of a run one message carries at most. While the transport writes one, the next is read: with
// larger ones the two take turns more than they overlap, and leave the cache in between.
const bodySize = 256 << 10

// Lookup finds the run file of a map attempt that this worker holds.
type Lookup func(job string, stage, task, attempt uint32) (path string, ok bool)

// Server serves the runs of a worker. It is safe for concurrent use.
type Server struct {
	shufflev1.UnimplementedShuffleServiceServer
	lookup Lookup
}

// NewServer makes a server of what lookup finds.
func NewServer(lookup Lookup) *Server { return &Server{lookup: lookup} }

// Fetch streams the sections of one partition out of the runs named.
func (s *Server) Fetch(req *shufflev1.FetchRequest, stream grpc.ServerStreamingServer[shufflev1.FetchResponse]) error {
	for i, run := range req.GetRuns() {
		if err := s.send(req, uint32(i), run, stream); err != nil {
			return errs.ToStatus(err)
		}
	}
	return nil
}

// send streams one section. It fails with the stream alone; what is wrong with the run is told on it.
func (s *Server) send(req *shufflev1.FetchRequest, i uint32, run *shufflev1.RunRange, stream grpc.ServerStreamingServer[shufflev1.FetchResponse]) error {
	missing := func(why string) error {
		return stream.Send(&shufflev1.FetchResponse{Run: i, Missing: why})
	}
	path, ok := s.lookup(req.GetJob(), req.GetStage(), run.GetTask(), run.GetAttempt())
	if !ok {
		return missing("not held here")
	}
	f, err := runs.Open(path)
	if err != nil {
		return missing(err.Error())
	}
	defer f.Close()
	sec, err := sectionOf(f, req)
	if err != nil {
		return missing(err.Error())
	}
	if run.GetSkip() > uint64(sec.Len) {
		return errs.New(errs.Invalid, "skip %d of a section of %d bytes", run.GetSkip(), sec.Len)
	}
	at := int64(run.GetSkip())
	head := &shufflev1.FetchResponse{Run: i, RangeLength: uint64(sec.Len)}
	msg := frame.Loose{Head: head}
	for first := true; first || at < sec.Len; first = false {
		// A body is the transport's until it is on the wire, which SendMsg does not wait for: it comes back by itself.
		buf := frame.Pool.Get(int(min(sec.Len-at, bodySize)))
		body := mem.NewBuffer(buf, frame.Pool)
		if n, err := f.ReadAt(*buf, sec.Off+at); n < len(*buf) {
			body.Free()
			if errors.Is(err, io.EOF) {
				err = fmt.Errorf("read run %s: ends early", path)
			}
			return missing(err.Error())
		}
		head.At = uint64(at)
		at += int64(len(*buf))
		head.End = at == sec.Len
		msg.Body = append(msg.Body, body)
		err := stream.SendMsg(&msg)
		msg.Free()
		head.RangeLength = 0
		if err != nil {
			if _, ok := status.FromError(err); ok {
				return err
			}
			return errs.E(errs.Unavailable, "send run", path, err)
		}
	}
	return nil
}
