package netfault_test

import (
	"io"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/mrctl/mrctl/integration/chaos/netfault"
)

// echo is a server that says back what it hears.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
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
	return l.Addr().String()
}

func front(t *testing.T) (*netfault.Net, *netfault.Front) {
	t.Helper()
	n := netfault.New(func(c net.Conn) string {
		if netfault.Owner(c, []int{os.Getpid()}) == os.Getpid() {
			return "me"
		}
		return ""
	})
	t.Cleanup(n.Close)
	f, err := n.Front("it")
	if err != nil {
		t.Fatal(err)
	}
	f.SetTarget(echo(t))
	return n, f
}

// tried opens a connection and talks on it. One that is cut may be so before dialling has returned.
func tried(f *netfault.Front) error {
	c, err := net.Dial("tcp", f.Addr())
	if err != nil {
		return err
	}
	defer c.Close()
	return said(c, patient)
}

func dial(t *testing.T, f *netfault.Front) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", f.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

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

const patient = 10 * time.Second

func TestPassesUntilCut(t *testing.T) {
	n, f := front(t)
	c := dial(t, f)
	if err := said(c, patient); err != nil {
		t.Fatal(err)
	}
	lift := n.Set(func(_, to string) bool { return to == "it" }, netfault.Rule{Cut: true})
	if err := said(c, patient); err == nil {
		t.Error("a cut connection answers")
	}
	if err := tried(f); err == nil {
		t.Error("a new connection answers while it is cut")
	}
	lift()
	if err := tried(f); err != nil {
		t.Errorf("after it was lifted: %v", err)
	}
}

func TestHoldsAndLetsGo(t *testing.T) {
	n, f := front(t)
	c := dial(t, f)
	if err := said(c, patient); err != nil {
		t.Fatal(err)
	}
	lift := n.Set(func(string, string) bool { return true }, netfault.Rule{Hold: true})
	if err := said(c, 50*time.Millisecond); err == nil {
		t.Error("it answers while it is held")
	}
	lift()
	if err := c.SetReadDeadline(time.Now().Add(patient)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, 4)); err != nil {
		t.Errorf("what was held did not arrive: %v", err)
	}
}

func TestDelaysAndSlowsDown(t *testing.T) {
	n, f := front(t)
	c := dial(t, f)
	n.Set(func(string, string) bool { return true }, netfault.Rule{Delay: 40 * time.Millisecond, Rate: 100})
	began := time.Now()
	if err := said(c, patient); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 160*time.Millisecond {
		t.Errorf("there and back took %v, want 2 x (40 ms + 4 bytes at 100 a second)", took)
	}
}

func TestRulesKnowWhoDials(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells who holds a socket")
	}
	n, f := front(t)
	n.Set(func(from, _ string) bool { return from != "me" }, netfault.Rule{Cut: true})
	if err := tried(f); err != nil {
		t.Errorf("the rule is for others: %v", err)
	}
	n.Set(func(from, to string) bool { return from == "me" && to == "it" }, netfault.Rule{Cut: true})
	if err := tried(f); err == nil {
		t.Error("the rule for us does not hold")
	}
}
