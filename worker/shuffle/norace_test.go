//go:build !race

package shuffle

// poolLoss: see its other value.
const poolLoss = 1
