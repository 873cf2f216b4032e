package boundary

import "runtime"

// Goroutines that stand between a message and its way out: gRPC's writer, which yields once itself before it writes, and
// for credits of the worker's the one that sends them.
const (
	afterSend   = 2
	afterCredit = 3
)

// giveWay lets the goroutines go on that bring a message on its way. Who has sent a batch computes for a while, and so
// do those who made way for him; a goroutine that he has woken would wait for that long, or for another thread to come and
// take it, which the Go scheduler leaves undone for 50 us out of politeness: as long as a batch takes.
func giveWay(times int) {
	for range times {
		runtime.Gosched()
	}
}
