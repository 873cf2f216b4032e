// Package shuffle moves sections of run files between workers: each reduce attempt reads its partition of every map run.
//
// There is one stream for each (reader, producer); it carries the sections of many runs one after the other, in frames
// of at most frame.MaxBody bytes with a CRC32C each. A run that is not there is told in its place and the stream goes on.
// A broken stream is opened again and resumes at the byte it had come to.
//
// The reader lands each section whole, in memory while its budget lasts and in a scratch file after that, checks it to
// its seal, and only then lets it be merged. Nothing that drains a stream ever waits for a merge, so that readers cannot
// hold producers up in a circle. Runs of the reader's own worker are read where they lie.
//
// Of the two checksums the frame's tells damage on the way (tried again) from damage at the producer (the run is
// reported missing, for its map to run again).
package shuffle

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	shufflev1 "github.com/mrctl/mrctl/api/shuffle/v1"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/frame"
	"github.com/mrctl/mrctl/worker/runs"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

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
	sec, err := f.Section(int(req.GetPartition()))
	if err != nil {
		return missing(err.Error())
	}
	if run.GetSkip() > uint64(sec.Len) {
		return errs.New(errs.Invalid, "skip %d of a section of %d bytes", run.GetSkip(), sec.Len)
	}
	at := int64(run.GetSkip())
	for first := true; first || at < sec.Len; first = false {
		// A frame is the transport's until it is on the wire, which Send does not wait for: each has its own memory.
		body := make([]byte, min(sec.Len-at, frame.MaxBody))
		if n, err := f.ReadAt(body, sec.Off+at); n < len(body) {
			if errors.Is(err, io.EOF) {
				err = fmt.Errorf("read run %s: ends early", path)
			}
			return missing(err.Error())
		}
		at += int64(len(body))
		m := &shufflev1.FetchResponse{Run: i, End: at == sec.Len, Crc: crc32.Checksum(body, castagnoli), Body: body}
		if first {
			m.RangeLength = uint64(sec.Len)
		}
		if err := stream.Send(m); err != nil {
			if _, ok := status.FromError(err); ok {
				return err
			}
			return errs.E(errs.Unavailable, "send run", path, err)
		}
	}
	return nil
}
