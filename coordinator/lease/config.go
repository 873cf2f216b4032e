package lease

import (
	"time"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
)

// Config says who stands for election, and with what times. Times left zero follow from TTL.
type Config struct {
	// Holder names this incarnation of this process; no other may ever have had it. "" makes one.
	Holder  string
	Addr    string // host:port where workers and clients reach this coordinator
	Version string // of the program, for people

	TTL    time.Duration // how long the lease stands without being renewed; default 15 s, at most 10 min
	Renew  time.Duration // how often the leader renews it; default TTL/3
	Poll   time.Duration // how often the others look at it; default TTL/3
	Margin time.Duration // how long before its end the leader stops acting; default TTL/15: clocks may differ by 7 %
}

// maxTTL bounds what a record may ask for, too: no accident with one may shut everybody out for long.
const maxTTL = 10 * time.Minute

func (c Config) withDefaults() Config {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&c.TTL, 15*time.Second)
	def(&c.Renew, c.TTL/3)
	def(&c.Poll, c.TTL/3)
	def(&c.Margin, c.TTL/15)
	if c.Holder == "" {
		c.Holder = ledger.NewIncarnation()
	}
	return c
}

func (c Config) check() error {
	switch {
	case c.TTL < 0 || c.TTL > maxTTL:
		return errs.New(errs.Invalid, "lease: ttl %v is not between 0 and %v", c.TTL, maxTTL)
	case c.Renew < 0 || c.Poll < 0 || c.Margin < 0:
		return errs.New(errs.Invalid, "lease: a time is negative")
	case c.Renew+c.try()+c.Margin >= c.TTL:
		return errs.New(errs.Invalid, "lease: renewing every %v with a margin of %v leaves no second try within a ttl of %v", c.Renew, c.Margin, c.TTL)
	case c.Poll > c.TTL:
		return errs.New(errs.Invalid, "lease: polling every %v is too rare for a ttl of %v", c.Poll, c.TTL)
	}
	return nil
}

// try is how long one call to the store may take: several must fit into the lease's time.
func (c Config) try() time.Duration { return c.TTL / 7 }
