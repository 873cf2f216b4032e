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

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
)

// Names in an output beside the parts.
const (
	ClaimKey   = "_mrctl"
	SuccessKey = "_SUCCESS"
	badPrefix  = "_mrctl-bad/"
)

// BadName is the key of the records of map task i that were bad, a line of JSON each.
func BadName(i int) string { return fmt.Sprintf("%smap-%05d.jsonl", badPrefix, i) }

// Format is how rows become bytes.
type Format string

// The formats.
const (
	TSV     Format = "tsv"     // a line a row, columns with tabs between them: see package tsv
	Arrow   Format = "arrow"   // an Arrow IPC file, with the columns' names and types
	Records Format = "records" // the bytes of the last column, nothing between them
)

// CheckFormat says, as an errs.Invalid, what is wrong with the name of an output format. "" is TSV.
func CheckFormat(name string) error {
	switch Format(name) {
	case "", TSV, Arrow, Records:
		return nil
	}
	return errs.New(errs.Invalid, "output format %q is not known; use tsv, arrow or records", name)
}

// PartName is the key of part i in a format.
func PartName(i int, f Format) string {
	if f == "" {
		f = TSV
	}
	return fmt.Sprintf("part-%05d.%s", i, f)
}

// Staged is a part that has been written and is not visible yet.
type Staged struct {
	Key   string        `json:"key"`
	Token storage.Token `json:"token"`
	Rows  int64         `json:"rows"`
	Bytes int64         `json:"bytes"`
	CRC   uint32        `json:"crc32c"` // of all its bytes
}
