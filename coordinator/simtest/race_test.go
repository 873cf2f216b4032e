//go:build race

package simtest

import "time"

// trouble is shorter under the race detector, which makes everything ten times slower.
const trouble = 2 * time.Minute
