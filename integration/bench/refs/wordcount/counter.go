package wordcount

const (
	frontBits = 13 // 8192 slots of 24 bytes: well inside a second-level cache of 512 KiB
	batch     = 256
)

// Counter counts words for one goroutine.
type Counter struct {
	all table
	// front holds the first word that came to each of its slots, for good. The frequent words come early, so they are
	// here, and their counts never leave the cache. Words here may be in all too, when they were pushed out by settle.
	front [1 << frontBits]frontSlot
	queue [batch]token // words on their way, filled by Add
	touch int64        // keeps the compiler from dropping the reads that fetch slots ahead
}

// frontSlot is a slot without padding: three of them in two cache lines keep the front table small.
type frontSlot struct {
	key
	count int64
}

// token is a word that waits to be counted.
type token struct {
	key
	hash uint64
}

// NewCounter makes a counter. With huge, its table lies on huge pages where the system has them.
func NewCounter(huge bool) *Counter {
	return &Counter{all: newTable(21, &pages{huge: huge})}
}

// count counts the first n words of the queue.
func (c *Counter) count(n int) {
	// Whether a word is in front cannot be foreseen, so nothing branches on it: a hit adds one, a miss adds nothing but
	// stays in the list.
	var missed [batch]uint8
	misses := 0
	for i := range n {
		t := &c.queue[i%batch]
		s := &c.front[t.hash>>(64-frontBits)]
		hit := 0
		if s.lo == t.lo {
			hit = 1
		}
		if s.hi != t.hi {
			hit = 0
		}
		s.count += int64(hit)
		missed[misses%batch] = uint8(i)
		misses += 1 - hit
	}
	touch := int64(0)
	slots, shift := c.all.slots, c.all.shift
	for _, i := range missed[:misses] {
		touch += slots[c.queue[i].hash>>shift].count
	}
	c.touch += touch
	for _, i := range missed[:misses] {
		t := &c.queue[i]
		if s := &c.front[t.hash>>(64-frontBits)]; s.count == 0 {
			*s = frontSlot{t.key, 1}
			continue
		}
		// A word that claimed its slot just above and came again in this batch is counted in both tables; settle adds them.
		if s := &c.all.slots[t.hash>>c.all.shift]; s.key == t.key { // add finds it as well, but is a call
			s.count++
			continue
		}
		c.all.add(t.key, t.hash, 1)
	}
}

// settle moves the counts of the front table to the big one.
func (c *Counter) settle() {
	for i := range c.front {
		if s := &c.front[i]; s.count > 0 {
			c.all.add(s.key, s.hash(), s.count)
			*s = frontSlot{}
		}
	}
}

// Merge adds what o has counted.
func (c *Counter) Merge(o *Counter) {
	o.settle()
	for i := range o.all.slots {
		if s := &o.all.slots[i]; s.count > 0 {
			c.all.add(s.key, s.hash(), s.count)
		}
	}
	for w, n := range o.all.long {
		c.all.addLong([]byte(w), *n)
	}
}

// Close gives the counter's memory back.
func (c *Counter) Close() {
	c.all.pages.free(c.all.slots)
	c.all.slots = nil
}
