package s3

import (
	"cmp"

	"github.com/mrctl/mrctl/internal/retry"
	"github.com/mrctl/mrctl/storage/internal/again"
)

// This file says how requests are repeated that may be: reads, parts of an upload, and what is the same when done twice.
// PutIf goes past it. It is one request, whatever comes of it, and no outage of others keeps it back: a lease hangs on it.

// plane is which half of the client a request takes.
type plane bool

const (
	records plane = false
	bulk    plane = true
)

// place is what a gate stands before. Servers throttle by bucket, and records must not wait behind data.
type place struct {
	bucket string
	plane  plane
}

// policy is how a request to a bucket is repeated.
func (c *Client) policy(bucket string, p plane) retry.Policy {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := place{bucket, p}
	gate := c.gates[at]
	if gate == nil {
		gate = retry.NewGate("bucket "+bucket+" at "+cmp.Or(c.opts.Endpoint, "AWS"), retry.Limits{})
		c.gates[at] = gate
	}
	return retry.Policy{Patience: c.opts.Patience, Worth: again.Worth, Gate: gate}
}
