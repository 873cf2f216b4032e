package s3_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage/s3"
)

// forgetful is a listener whose connections can be forgotten: what comes on them is never answered, and nobody is told.
type forgetful struct {
	net.Listener
	forgotten atomic.Bool
	lost      atomic.Int64 // forgotten connections on which something came
}

func (f *forgetful) Accept() (net.Conn, error) {
	c, err := f.Listener.Accept()
	return &conn{Conn: c, to: f, old: !f.forgotten.Load()}, err
}

type conn struct {
	net.Conn
	to  *forgetful
	old bool
	one sync.Once
}

func (c *conn) Read(b []byte) (int, error) {
	for {
		n, err := c.Conn.Read(b)
		if err != nil || !c.old || !c.to.forgotten.Load() {
			return n, err
		}
		c.one.Do(func() { c.to.lost.Add(1) })
	}
}

// TestForgottenConnections: several connections wait to be used, and none of them leads anywhere any more. One is tried.
func TestForgottenConnections(t *testing.T) {
	const kept = 6
	var came atomic.Int64
	together := make(chan struct{})
	f := &forgetful{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !f.forgotten.Load() { // all at once, each on its connection
			if came.Add(1) == kept {
				close(together)
			}
			<-together
		}
		w.WriteHeader(http.StatusNotFound)
	}))
	f.Listener = server.Listener
	server.Listener = f
	server.Start()
	t.Cleanup(server.Close)
	s, err := s3.New("bucket", "", s3.Options{Endpoint: server.URL, Timeout: 3 * time.Second, Patience: time.Minute,
		Credentials: s3.Credentials{AccessKey: "a", SecretKey: "b"}})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range kept {
		all.Go(func() {
			if _, err := s.Stat(t.Context(), "k"); !errs.Is(err, errs.NotFound) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	f.forgotten.Store(true)
	if _, err := s.Stat(t.Context(), "k"); !errs.Is(err, errs.NotFound) {
		t.Error(err)
	}
	if n := f.lost.Load(); n != 1 {
		t.Errorf("%d connections were tried that lead nowhere, want one", n)
	}
}
