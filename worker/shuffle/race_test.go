//go:build race

package shuffle

// poolLoss is how many times more is allocated than without the race detector, which has pools lose things at random.
const poolLoss = 2.5
