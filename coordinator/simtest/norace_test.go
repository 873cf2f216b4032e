//go:build !race

package simtest

import "time"

// trouble is how long a run lasts before all faults stop.
const trouble = 6 * time.Minute
