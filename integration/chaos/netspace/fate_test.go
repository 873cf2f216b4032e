package netspace

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mrctl/mrctl/integration/chaos/netfault"
)

var (
	alice, bob = address{10, 77, 0, 1}, address{10, 77, 0, 2}
	names      = map[address]string{alice: "alice", bob: "bob"}
)

// between is a packet that alice sends to bob's server, or its answer.
func between(from, to address) packet {
	if from == alice {
		return reset(from, to, 40000, 7000, 100, 200, flagAck)
	}
	return reset(from, to, 7000, 40000, 200, 100, flagAck)
}

// court is a fate whose deliveries are noted, with the time each took.
type court struct {
	*fate
	began time.Time
	took  []time.Duration
	to    []string
	all   []packet
}

func newCourt() *court {
	c := &court{began: time.Now()}
	c.fate = newFate(1, func(to string, p packet) {
		c.took, c.to, c.all = append(c.took, time.Since(c.began)), append(c.to, to), append(c.all, p)
	})
	return c
}

func (c *court) send(from, to address) { c.pass(names[from], names[to], between(from, to)) }

func anybody(string, string) bool { return true }

func aliceDials(from, to string) bool { return from == "alice" && to == "bob" }

func TestAPartitionIsSilentAndMayBeOneWay(t *testing.T) {
	c := newCourt()
	defer c.close()
	lift := c.set(rule{Rule: netfault.Rule{Hold: true}, match: aliceDials, ways: true})
	c.send(alice, bob)
	c.send(bob, alice)
	if !slices.Equal(c.to, []string{"alice"}) {
		t.Errorf("one way is shut; what came through is for %v", c.to)
	}
	lift()
	c.set(rule{Rule: netfault.Rule{Hold: true}, match: aliceDials})
	c.send(alice, bob)
	c.send(bob, alice)
	if len(c.to) != 1 {
		t.Errorf("the connection is held; what came through is for %v", c.to[1:])
	}
}

func TestACutResetsBothEnds(t *testing.T) {
	c := newCourt()
	defer c.close()
	c.set(rule{Rule: netfault.Rule{Cut: true}, match: aliceDials})
	c.send(bob, alice) // an answer belongs to the connection too
	if !slices.Equal(c.to, []string{"bob", "alice"}) {
		t.Fatalf("resets went to %v", c.to)
	}
	for i, want := range []struct {
		seq      uint32
		from, to uint16
	}{{100, 40000, 7000}, {200, 7000, 40000}} {
		s := c.all[i].segment()
		if !s.has(flagRst) || s.seq() != want.seq || s.sourcePort() != want.from || s.targetPort() != want.to {
			t.Errorf("to %s went % x", c.to[i], s)
		}
		if checksum(c.all[i][:headerIP], 0) != 0 || checksum(s, pseudo(c.all[i].source(), c.all[i].target(), len(s))) != 0 {
			t.Errorf("to %s: wrong checksums in % x", c.to[i], c.all[i])
		}
	}
	syn := reset(alice, bob, 40000, 7000, 100, 0, flagSyn)
	c.pass("alice", "bob", syn)
	if s := c.all[2].segment(); len(c.all) != 3 || !s.has(flagRst) || s.ack() != 101 {
		t.Errorf("a first packet is answered by % x", c.all[2:])
	}
	c.pass("alice", "bob", c.all[0])
	if len(c.all) != 3 {
		t.Error("a reset is answered by another")
	}
}

func TestDelaysAddUpAndKeepTheOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourt()
		defer c.close()
		c.set(rule{Rule: netfault.Rule{Delay: 30 * time.Millisecond}, match: anybody})
		lift := c.set(rule{Rule: netfault.Rule{Delay: 12 * time.Millisecond}, match: anybody})
		c.send(alice, bob)
		c.send(bob, alice)
		lift()
		c.send(alice, bob) // overtakes
		time.Sleep(time.Second)
		synctest.Wait()
		if want := []time.Duration{30 * time.Millisecond, 42 * time.Millisecond, 42 * time.Millisecond}; !slices.Equal(c.took, want) ||
			!slices.Equal(c.to, []string{"bob", "bob", "alice"}) {
			t.Errorf("to %v, at %v", c.to, c.took)
		}
	})
}

func TestASlowLinkHasARateAndABacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourt()
		defer c.close()
		c.set(rule{Rule: netfault.Rule{Rate: 1000}, match: anybody})
		size := len(between(alice, bob)) // 40 bytes: 40 ms
		n := 2 * backlog / size
		for range n {
			c.send(alice, bob)
		}
		c.send(bob, alice) // another direction, another link
		time.Sleep(time.Hour)
		synctest.Wait()
		if kept := len(c.to) - 1; kept < backlog/size || kept > backlog/size+2 {
			t.Errorf("of %d packets at once %d came, want what %d bytes hold", n, kept, backlog)
		}
		if c.took[0] != 40*time.Millisecond || c.took[1] != 40*time.Millisecond || c.took[2] != 80*time.Millisecond {
			t.Errorf("packets came at %v", c.took[:3])
		}
	})
}

func TestLossIsByChance(t *testing.T) {
	c := newCourt()
	defer c.close()
	c.set(rule{Rule: netfault.Rule{Loss: 0.5}, match: anybody})
	c.set(rule{Rule: netfault.Rule{Loss: 0.5}, match: anybody})
	for range 4000 {
		c.send(alice, bob)
	}
	if n := len(c.to); n < 850 || n > 1150 { // 1000 and five standard deviations
		t.Errorf("%d of 4000 packets came through, want about a quarter", n)
	}
}
