package netspace_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/mrctl/mrctl/integration/chaos/netfault"
	"github.com/mrctl/mrctl/integration/chaos/netspace"
)

// pair is two spaces, in one of which a server says back what it hears. Where there can be none, that is what is tested: the
// answer says why.
func pair(t *testing.T) (n *netspace.Net, a, b *netspace.Space) {
	t.Helper()
	n = netspace.New(1)
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	var err error
	if err := netspace.Check(); err != nil {
		t.Logf("there are no network namespaces here: %v", err)
		if _, again := n.Space("a"); again == nil {
			t.Error("and one was made")
		}
		return n, nil, nil
	}
	if a, err = n.Space("a"); err == nil {
		b, err = n.Space("b")
	}
	if err != nil {
		t.Fatal(err)
	}
	l, err := b.Listen(7000)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { io.Copy(c, c); c.Close() }()
		}
	}()
	return n, a, b
}

const patient = 20 * time.Second

// said sends a word and waits a while for it to come back.
func said(c net.Conn, patience time.Duration) error {
	if _, err := c.Write([]byte("word")); err != nil {
		return err
	}
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	_, err := io.ReadFull(c, make([]byte, 4))
	return err
}

func toB(from, to string) bool { return to == "b" }

func TestSpacesReachEachOtherUntilTheyDoNot(t *testing.T) {
	n, a, b := pair(t)
	if a == nil {
		return
	}
	c, err := a.Dial(t.Context(), b.Addr(7000))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := said(c, patient); err != nil {
		t.Fatal(err)
	}
	lift := n.SetWay(toB, netfault.Rule{Hold: true})
	if err := said(c, 100*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("behind a partition: %v, want silence", err)
	}
	brief, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	if _, err := a.Dial(brief, b.Addr(7000)); err == nil || errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dialed behind a partition: %v, want silence", err)
	}
	cancel()
	lift()
	if err := c.SetReadDeadline(time.Now().Add(patient)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, 4)); err != nil {
		t.Errorf("what was lost is not sent again: %v", err)
	}
	lift = n.Set(toB, netfault.Rule{Cut: true})
	if err := said(c, patient); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a cut connection: %v, want a reset", err)
	}
	if _, err := a.Dial(t.Context(), b.Addr(7000)); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dialed while it is cut: %v, want a refusal", err)
	}
	lift()
	n.Set(toB, netfault.Rule{Loss: 0.2})
	again, err := a.Dial(t.Context(), b.Addr(7000))
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if err := said(again, patient); err != nil {
		t.Errorf("with packets lost: %v", err)
	}
}

func TestProcessesLiveInASpace(t *testing.T) {
	_, a, b := pair(t)
	if a == nil {
		return
	}
	var names [2]string
	for i, s := range []*netspace.Space{a, b} {
		cmd := exec.Command("readlink", "/proc/self/ns/net")
		err := s.Do(func() error {
			out, err := cmd.Output()
			names[i] = string(out)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if mine, err := os.Readlink("/proc/self/ns/net"); err != nil || names[0] == names[1] || names[0] == mine+"\n" {
		t.Errorf("two spaces are %q, and mine is %q, %v", names, mine, err)
	}
}
