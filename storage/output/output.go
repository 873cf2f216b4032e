// Package output writes a job's result: parts in a format, staged where nobody sees them, and the steps that make them
// the result.
//
// An output is a Store of its own: a folder or a prefix that holds parts, ClaimKey, SuccessKey, the bad records of a job
// that sets them aside (BadName), and nothing else. The
// order of things, each step repeatable by any later leader, after a death at any point:
//
//	Claim     the output belongs to one job                     before work starts
//	Empty     nothing lies there that is not ours               before work starts
//	NewPart   attempts write and Stage parts, racing freely     workers; a record elsewhere says which staged part counts
//	Publish   the parts that count become visible               once the job is committing, from where it only goes forward
//	Succeed   SuccessKey says that the result is whole
//
// and, when the job fails or is cancelled instead of committed: Discard what was staged, Release the claim.
package output

import (
	"fmt"

	"github.com/mrctl/mrctl/storage"
)

// Names in an output beside the parts.
const (
	ClaimKey   = "_mrctl"
	SuccessKey = "_SUCCESS"
	// BadFolder begins the keys of bad records.
	BadFolder = "_mrctl-bad/"
)

// BadName is the key of the records of map task i that were bad, a line of JSON each.
func BadName(i int) string { return fmt.Sprintf("%smap-%05d.jsonl", BadFolder, i) }

// Staged is a part that has been written and is not visible yet.
type Staged struct {
	Key   string        `json:"key"`
	Token storage.Token `json:"token"`
	Rows  int64         `json:"rows"`
	Bytes int64         `json:"bytes"`
	CRC   uint32        `json:"crc32c"` // of all its bytes
}
