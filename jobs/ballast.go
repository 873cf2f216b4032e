package jobs

import "strconv"

// What a ballast may be, in bytes: below the one the collector runs as often without it, above the other the batches that
// lie about until it runs fall out of the caches.
const (
	leastBallast = 4 << 20
	mostBallast  = 64 << 20
	usualBallast = 16 << 20 // where nobody has said what is allowed
)

// ballast is how many bytes package pace allocates and nobody touches, so that they are none, but count as live: the collector
// then lets as many bytes of batches go by between two runs. Each run costs as much as ten batches, however little there is to collect.
// It is an eighth of what the plugin's buffers may take (in decimal). A limit for the heap would do the same, but it would
// hold the author's own data against him.
func ballast(allowed string) int {
	size := int64(usualBallast)
	if n, err := strconv.ParseInt(allowed, 10, 64); err == nil && n > 0 {
		size = min(max(n/8, leastBallast), mostBallast)
	}
	return int(size)
}
