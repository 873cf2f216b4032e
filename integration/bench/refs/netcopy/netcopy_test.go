package netcopy

import (
	"errors"
	"net"
	"testing"

	"golang.org/x/sync/errgroup"
)

func TestAllBytesArrive(t *testing.T) {
	for _, kind := range []string{TCP, TLS, Unix} {
		for _, n := range []int64{0, 1, Chunk - 1, 5*Chunk + 3} {
			l, address, secret, err := Listen(t.Context(), kind, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			var g errgroup.Group
			g.Go(func() error {
				c, err := Dial(t.Context(), kind, address, secret)
				if err != nil {
					return err
				}
				return errors.Join(Receive(c), c.Close())
			})
			c, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Send(c, n); err != nil {
				t.Errorf("%s, %d bytes: %v", kind, n, err)
			}
			if err := errors.Join(c.Close(), g.Wait(), l.Close()); err != nil {
				t.Errorf("%s: %v", kind, err)
			}
		}
	}
}

// A receiver that goes away, or that says it got less, is no measurement.
func TestLossIsAnError(t *testing.T) {
	for name, receive := range map[string]func(net.Conn){
		"gone": func(c net.Conn) {},
		"less": func(c net.Conn) { _, _ = c.Read(make([]byte, 10)); _, _ = c.Write(make([]byte, 16)) },
	} {
		l, address, _, err := Listen(t.Context(), Unix, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		var g errgroup.Group
		g.Go(func() error {
			c, err := Dial(t.Context(), Unix, address, "")
			if err != nil {
				return err
			}
			receive(c)
			return c.Close()
		})
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Send(c, 10); err == nil {
			t.Errorf("%s: no error", name)
		}
		_ = errors.Join(c.Close(), g.Wait(), l.Close())
	}
}

func TestTLSTrustsTheOneCertificate(t *testing.T) {
	l, address, _, err := Listen(t.Context(), TLS, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	other, _, secret, err := Listen(t.Context(), TLS, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var g errgroup.Group
	g.Go(func() error {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		_, _ = c.Read(make([]byte, 1)) // runs the handshake, which fails
		return c.Close()
	})
	if c, err := Dial(t.Context(), TLS, address, secret); err == nil {
		t.Errorf("connected to a stranger: %v", c.Close())
	}
	_ = errors.Join(g.Wait(), l.Close(), other.Close())
}
