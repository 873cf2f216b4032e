package storefault_test

import (
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mrctl/mrctl/integration/chaos/storefault"
)

// world is a server that counts what it hears, and a door to it.
type world struct {
	heard atomic.Int32
	store *storefault.Store
	door  *storefault.Door
}

const answer = "eight by"

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.heard.Add(1)
		rw.Header().Set("X-Saw", r.Host+" "+string(body))
		io.WriteString(rw, answer)
	}))
	t.Cleanup(server.Close)
	w.store = storefault.New(server.URL, 1)
	t.Cleanup(w.store.Close)
	var err error
	if w.door, err = w.store.Door("worker-0"); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) put(t *testing.T) (status int, body, saw string, err error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, w.door.Endpoint()+"/bucket/key", strings.NewReader("hello"))
	if err != nil {
		t.Fatal(err)
	}
	reply, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return 0, "", "", err
	}
	defer reply.Body.Close()
	b, err := io.ReadAll(reply.Body)
	return reply.StatusCode, string(b), reply.Header.Get("X-Saw"), err
}

func always(f storefault.Fate) storefault.Rule {
	return func(storefault.Request, *rand.Rand) storefault.Fate { return f }
}

func TestPassesOnAsItCame(t *testing.T) {
	w := newWorld(t)
	status, body, saw, err := w.put(t)
	host := strings.TrimPrefix(w.door.Endpoint(), "http://")
	if err != nil || status != 200 || body != answer || saw != host+" hello" {
		t.Errorf("%d %q, saw %q, %v", status, body, saw, err)
	}
}

func TestFates(t *testing.T) {
	for _, c := range []struct {
		name   string
		fate   storefault.Fate
		status int // 0: the connection is closed
		body   string
		heard  int32
	}{
		{"refuse", storefault.Fate{Refuse: true}, 503, "", 0},
		{"lose", storefault.Fate{Lose: true}, 0, "", 0},
		{"unheard", storefault.Fate{Unheard: true}, 0, "", 1},
		{"cut", storefault.Fate{Cut: true}, 200, answer[:4], 1},
		{"flip", storefault.Fate{Flip: true}, 200, answer[:4] + string(answer[4]^1) + answer[5:], 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			lift := w.store.Set(always(c.fate))
			status, body, _, err := w.put(t)
			if status != c.status || (err != nil) != (c.status == 0 || c.fate.Cut) || c.body != "" && body != c.body {
				t.Errorf("%d %q, %v", status, body, err)
			}
			if n := w.heard.Load(); n != c.heard {
				t.Errorf("the server heard of %d requests, want %d", n, c.heard)
			}
			lift()
			if status, body, _, err := w.put(t); status != 200 || body != answer || err != nil {
				t.Errorf("after it was lifted: %d %q, %v", status, body, err)
			}
		})
	}
}

func TestLateWritesLand(t *testing.T) {
	w := newWorld(t)
	w.store.Set(always(storefault.Fate{Late: 30 * time.Millisecond}))
	if _, _, _, err := w.put(t); !errors.Is(err, io.EOF) {
		t.Errorf("the sender is told %v", err)
	}
	for deadline := time.After(10 * time.Second); w.heard.Load() == 0; {
		select {
		case <-deadline:
			t.Fatal("it never landed")
		case <-time.After(time.Millisecond):
		}
	}
}

func TestRulesSeeWhoAndWhat(t *testing.T) {
	w := newWorld(t)
	var before, after int32
	w.store.Set(func(r storefault.Request, _ *rand.Rand) storefault.Fate {
		if r.From != "worker-0" || !r.Write() || r.Key() != "bucket/key" {
			t.Errorf("from %s, key %s, write %v", r.From, r.Key(), r.Write())
		}
		return storefault.Fate{First: func() { before = w.heard.Load() + 1 }, Then: func() { after = w.heard.Load() + 1 }}
	})
	if status, _, _, err := w.put(t); err != nil || status != 200 || before != 1 || after != 2 {
		t.Errorf("status %d, %v; it was called with %d requests done before, %d after", status, err, before-1, after-1)
	}
}
