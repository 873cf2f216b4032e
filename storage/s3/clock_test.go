package s3_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/s3"
)

// clockedServer refuses every request as servers do whose clock is off by so much from ours, until it is right.
func clockedServer(t *testing.T, code string, off *atomic.Int64) *s3.Store {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // the client's business
		w.Header().Set("Date", time.Now().Add(-time.Duration(off.Load())).UTC().Format(http.TimeFormat))
		if off.Load() == 0 {
			w.Header().Set("ETag", `"e"`)
			w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
			return
		}
		w.WriteHeader(http.StatusForbidden)
		if r.Method != http.MethodHead {
			_, _ = io.WriteString(w, `<?xml version="1.0"?><Error><Code>`+code+`</Code><Message>no</Message></Error>`)
		}
	}))
	t.Cleanup(server.Close)
	s, err := s3.New("bucket", "", s3.Options{Endpoint: server.URL, Patience: 50 * time.Millisecond, Credentials: s3.Credentials{AccessKey: "a", SecretKey: "b"}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A wrong clock is no wrong key: the error says which it is, and it is worth another try.
func TestAWrongClockIsNamedAndHeals(t *testing.T) {
	calls := map[string]func(context.Context, storage.Store) error{
		"get":  func(ctx context.Context, s storage.Store) error { _, _, err := s.Get(ctx, "k"); return err },
		"stat": func(ctx context.Context, s storage.Store) error { _, err := s.Stat(ctx, "k"); return err },
		"put":  func(ctx context.Context, s storage.Store) error { _, err := s.PutIf(ctx, "k", nil, ""); return err },
	}
	for name, call := range calls {
		for _, code := range []string{"RequestTimeTooSkewed", "AccessDenied"} {
			for by, want := range map[time.Duration]string{48 * time.Hour: "ahead of the server's", -time.Hour: "behind the server's"} {
				off := new(atomic.Int64)
				off.Store(int64(by))
				s := clockedServer(t, code, off)
				err := call(t.Context(), s)
				if !errs.Is(err, errs.Unavailable) || !strings.Contains(err.Error(), "this machine's clock is") || !strings.Contains(err.Error(), want) {
					t.Errorf("%s, clock off by %v, %s: %v", name, by, code, err)
				}
				if strings.Contains(err.Error(), "credentials") {
					t.Errorf("%s blames the credentials: %v", name, err)
				}
				off.Store(0)
				if err := call(t.Context(), s); err != nil {
					t.Errorf("%s, the clock is right again: %v", name, err)
				}
			}
		}
	}
	off := new(atomic.Int64)
	off.Store(int64(time.Minute))
	if _, _, err := clockedServer(t, "AccessDenied", off).Get(t.Context(), "k"); !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), "credentials") {
		t.Errorf("a minute is no reason to blame the clock: %v", err)
	}
}
