// Package boundary is the transport of batches between a worker and a plugin.
package boundary

import "github.com/mrctl/mrctl/internal/rows"

// Pairs is a batch of what a map function emitted.
type Pairs struct {
	rows.Batch
	Parts     []int32 // the partition of each row, where the plugin chose it; else nil
	Sorted    bool    // the rows are all of Partition and in key order
	Partition int
}
