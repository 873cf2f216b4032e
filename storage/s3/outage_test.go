package s3_test

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/output"
	"github.com/mrctl/mrctl/storage/s3"
)

// away is a server that answers 503 to everything, and counts the requests.
func away(t *testing.T) (s *s3.Store, requests *atomic.Int64) {
	t.Helper()
	requests = new(atomic.Int64)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		_, _ = io.Copy(io.Discard, r.Body) // the client's business
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, `<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>later</Message></Error>`)
	}))
	t.Cleanup(server.Close)
	s, err := s3.New("bucket", "", s3.Options{Endpoint: server.URL, Patience: 3 * time.Second, Credentials: s3.Credentials{AccessKey: "a", SecretKey: "b"}})
	if err != nil {
		t.Fatal(err)
	}
	return s, requests
}

// What reaches a server that fails everything: the failures that open the breaker, a call or two a second after that, and
// no more for the layers above that repeat too.
func TestRequestsInAnOutage(t *testing.T) {
	staged := storage.Token("s3." + base64.RawURLEncoding.EncodeToString([]byte(`{"k":"part","u":"upload","i":"id","s":1,"p":[{"e":"x","c":"AAAAAA=="}]}`)))
	for name, c := range map[string]struct {
		most int64 // in three seconds
		call func(context.Context, storage.Store) error
	}{
		"get":  {15, func(ctx context.Context, s storage.Store) error { _, _, err := s.Get(ctx, "k"); return err }},
		"stat": {15, func(ctx context.Context, s storage.Store) error { _, err := s.Stat(ctx, "k"); return err }},
		"open": {15, func(ctx context.Context, s storage.Store) error { _, _, err := s.Open(ctx, "k", 0, -1); return err }},
		"list": {25, func(ctx context.Context, s storage.Store) error { // by time and budget alone
			for _, err := range s.List(ctx, "", "") {
				return err
			}
			return nil
		}},
		"create":       {15, func(ctx context.Context, s storage.Store) error { _, err := s.Create(ctx, "k", nil); return err }},
		"publish":      {15, func(ctx context.Context, s storage.Store) error { _, err := s.Publish(ctx, staged); return err }},
		"put":          {1, func(ctx context.Context, s storage.Store) error { _, err := s.PutIf(ctx, "k", nil, ""); return err }},
		"ledger fetch": {15, func(ctx context.Context, s storage.Store) error { _, _, err := ledger.Fetch(ctx, s, "k"); return err }},
		"output publish": {4, func(ctx context.Context, s storage.Store) error {
			return output.Publish(ctx, s, []output.Staged{{Key: "part", Token: staged}})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // it waits, more than it works
			s, requests := away(t)
			ctx, stop := context.WithTimeout(t.Context(), 3500*time.Millisecond)
			defer stop()
			err := c.call(ctx, s)
			if !errs.Is(err, errs.Unavailable) {
				t.Errorf("it ended with %v", err)
			}
			if n := requests.Load(); n < 1 || n > c.most {
				t.Errorf("%d requests, at most %d were to be: %v", n, c.most, err)
			}
		})
	}
}

// A hundred callers cost a server in trouble hardly more than one.
func TestManyCallersInAnOutage(t *testing.T) {
	t.Parallel() // it waits, more than it works
	s, requests := away(t)
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			if _, _, err := s.Get(t.Context(), "k"); !errs.Is(err, errs.Unavailable) || errors.Is(err, storage.ErrNotExist) {
				t.Errorf("%v", err)
			}
		})
	}
	all.Wait()
	if n := requests.Load(); n > 100+15 { // those under way when the tenth failed are sent; on two cores hardly all
		t.Errorf("%d requests", n)
	}
}
