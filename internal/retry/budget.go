package retry

import (
	"sync"
	"time"
)

// budget holds repetitions to a share of the calls that succeed, over all callers, and lets some pass in any case: when
// everything fails, repeating everything only adds to the load. The idea and the two parts of it are those of Finagle's
// RetryBudget (https://twitter.github.io/finagle/guide/Clients.html#retry-budget). Who finds it used up does not fail: he
// waits until it is his turn.
type budget struct {
	share     float64 // of a repetition that each success is good for
	perSecond float64 // repetitions that are allowed in any case

	mu     sync.Mutex
	tokens float64   // guarded by mu; one pays for a repetition; below 0: some wait
	at     time.Time // guarded by mu; when tokens was right
}

// saved is how many repetitions may be saved up.
const saved = 10

func newBudget(share, perSecond float64) *budget {
	return &budget{share: share, perSecond: perSecond, tokens: saved, at: time.Now()}
}

// success pays in.
func (b *budget) success() { b.pay(b.share) }

// take pays for a repetition and says how long it has to wait for that.
func (b *budget) take() time.Duration {
	left := b.pay(-1)
	if left >= 0 {
		return 0
	}
	return time.Duration(-left / b.perSecond * float64(time.Second))
}

func (b *budget) pay(n float64) float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.tokens = min(b.tokens+now.Sub(b.at).Seconds()*b.perSecond+n, saved)
	b.at = now
	return b.tokens
}
