package boundary

import (
	"fmt"
	"os"
	"sync"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/shm"
)

// Memfd is the ability of both sides to share memory through an inherited file.
const Memfd = "memfd"

// SegmentsFile names the environment variable that tells a plugin of the memory it may share: the number of an inherited
// descriptor, how many segments it holds, and the bytes of each, with colons between.
const SegmentsFile = "MRCTL_SEGMENTS"

// SegmentSize holds a batch of BatchSize with its offsets.
const SegmentSize = BatchSize + BatchSize/2

const (
	perWay = 4 // segments of an attempt in each direction: one is written, one read, two are between
	spare  = 8 // attempts that may end badly before others have to do without segments

	pageSize   = 4 << 10
	minSegment = 64 << 10
)

// SegmentsWithin is the size of the segments of an attempt that may hold so many bytes in all, worker and plugin together:
// those of both ways take an eighth of it, and no more than is useful. 0 sets no bound.
func SegmentsWithin(memory int64) int {
	if memory <= 0 {
		return SegmentSize
	}
	size := memory / (8 * 2 * perWay) &^ (pageSize - 1)
	return int(min(max(size, minSegment), SegmentSize))
}

// batchIn is how many bytes of data a batch should have, so that it has room in a segment with what belongs to it.
func batchIn(segment int) int { return segment / 3 * 2 &^ 7 }

// Segments is the memory that a worker shares with one plugin process. Each attempt has segments of its own while it
// lasts. Those of an attempt that did not end well are never used again: nobody knows when the plugin is through with
// them. It is safe for concurrent use; a nil *Segments has none to give.
type Segments struct {
	region *shm.Region

	mu     sync.Mutex
	free   []uint32 // guarded by mu
	leases int      // guarded by mu; given out
	closed bool     // guarded by mu
}

// NewSegments makes the memory for a number of attempts at once, with segments of size bytes, a multiple of the page
// size. Pages are taken when they are first touched. It fails where the platform cannot share memory.
func NewSegments(attempts, size int) (*Segments, error) {
	region, err := shm.New((attempts+spare)*2*perWay, size)
	if err != nil {
		return nil, err
	}
	s := &Segments{region: region, free: make([]uint32, region.Segments())}
	for i := range s.free {
		s.free[i] = uint32(i)
	}
	return s, nil
}

// Region is the memory itself, for who has to map it as the plugin does.
func (s *Segments) Region() *shm.Region { return s.region }

// File is what the plugin inherits.
func (s *Segments) File() *os.File { return s.region.File() }

// Setting is the value of SegmentsFile for a plugin that inherits the file as fd.
func (s *Segments) Setting(fd int) string {
	return fmt.Sprintf("%d:%d:%d", fd, s.region.Segments(), s.region.SegmentSize())
}

// Inherited maps the memory that SegmentsFile tells of, in the plugin.
func Inherited() (*shm.Region, error) {
	var fd uintptr
	var segments, size int
	if _, err := fmt.Sscanf(os.Getenv(SegmentsFile), "%d:%d:%d", &fd, &segments, &size); err != nil {
		return nil, errs.E(errs.Invalid, "shared memory", SegmentsFile, err)
	}
	if fd < 3 || segments <= 0 || size <= 0 {
		return nil, errs.New(errs.Invalid, "shared memory: %s is %q", SegmentsFile, os.Getenv(SegmentsFile))
	}
	return shm.Attach(fd, segments, size)
}

// lease gives an attempt its segments, nil when there are none left.
func (s *Segments) lease() *lease {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	rest := len(s.free) - 2*perWay
	if s.closed || rest < 0 {
		return nil
	}
	ids := s.free[rest:]
	s.free = s.free[:rest:rest] // what is put back must not fall on ids
	s.leases++
	return newLease(s, ids[:perWay:perWay], ids[perWay:])
}

// back ends a lease. well says that the plugin is through with the segments.
func (s *Segments) back(l *lease, well bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ids := range [][]uint32{l.down, l.up} {
		if well {
			s.free = append(s.free, ids...)
			continue
		}
		for _, id := range ids {
			_ = s.region.Drop(id) // pages that stay are lost until Close
		}
	}
	s.leases--
	s.end()
}

// Close gives the memory up once the last attempt has ended.
func (s *Segments) Close() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.end()
}

func (s *Segments) end() {
	if s.closed && s.leases == 0 {
		_ = s.region.Close() // fails for no mapping of ours
	}
}
