package s3_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/s3server"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/s3"
)

// wire stands between client and server.
type wire func(next http.RoundTripper, r *http.Request) (*http.Response, error)

func (w wire) wrap(next http.RoundTripper) http.RoundTripper { return trip{w, next} }

type trip struct {
	w    wire
	next http.RoundTripper
}

func (t trip) RoundTrip(r *http.Request) (*http.Response, error) { return t.w(t.next, r) }

func via(t *testing.T, server *s3server.Server, prefix string, w wire) *s3.Store {
	t.Helper()
	c, err := s3.NewClientVia(s3.Options{Endpoint: server.Endpoint, Credentials: keys(server), PartSize: 5 << 20}, w.wrap)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	s, err := c.Store(s3server.Bucket, prefix)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var errReset = errors.New("connection reset by peer")

// loseReplies lets requests through and loses the replies to the first n that match.
func loseReplies(n int32, match func(*http.Request) bool, seen *atomic.Int32) wire {
	return func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
		resp, err := next.RoundTrip(r)
		if err == nil && match(r) && seen.Add(1) <= n {
			resp.Body.Close()
			return nil, errReset
		}
		return resp, err
	}
}

func isComplete(r *http.Request) bool {
	return r.Method == http.MethodPost && r.URL.Query().Has("uploadId")
}

// A write whose reply is lost is sent once, and its outcome is unknown: not a refusal by our own success.
func TestLostReplyToARecord(t *testing.T) {
	t.Parallel() // it waits, more than it works
	server := s3server.ForTest(t, s3server.VersityGW)
	var puts atomic.Int32
	s := via(t, server, "lost", loseReplies(1, func(r *http.Request) bool { return r.Method == http.MethodPut }, &puts))
	if _, err := s.PutIf(t.Context(), "k", []byte("x"), ""); !errors.Is(err, storage.ErrUnknown) || errors.Is(err, storage.ErrPrecondition) {
		t.Errorf("PutIf: %v", err)
	}
	if puts.Load() != 1 {
		t.Errorf("it was sent %d times", puts.Load())
	}
	if got, _, err := s.Get(t.Context(), "k"); err != nil || string(got) != "x" {
		t.Errorf("Get = %q, %v", got, err)
	}
}

// Publish recognises its own success behind replies that were lost.
func TestLostReplyToPublish(t *testing.T) {
	t.Parallel() // it waits, more than it works
	server := s3server.ForTest(t, s3server.VersityGW)
	var completes, parts atomic.Int32
	inner := loseReplies(2, isComplete, &completes)
	outer := loseReplies(1, func(r *http.Request) bool { return r.URL.Query().Get("partNumber") == "2" }, &parts)
	s := via(t, server, "publish", func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
		return outer(inner.wrap(next), r)
	})
	body := bytes.Repeat([]byte("0123456789"), 1_200_000) // three parts
	token := stage(t, s, "k", body)
	info, err := s.Publish(t.Context(), token)
	if err != nil || info.Size != int64(len(body)) {
		t.Fatalf("Publish = %+v, %v", info, err)
	}
	if completes.Load() < 3 || parts.Load() != 2 {
		t.Errorf("completed %d times, sent part 2 %d times", completes.Load(), parts.Load())
	}
	r, _, err := s.Open(t.Context(), "k", 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, body) {
		t.Errorf("read %d bytes, %v", len(got), err)
	}
}

func stage(t *testing.T, s storage.Store, key string, body []byte) storage.Token {
	t.Helper()
	w, err := s.Create(t.Context(), key, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(body); err != nil {
		t.Fatal(err)
	}
	token, err := w.Stage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// cut breaks the bodies of objects off after n bytes.
func cut(n int64) wire {
	return func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
		resp, err := next.RoundTrip(r)
		if err == nil && r.Method == http.MethodGet && resp.StatusCode < 300 {
			resp.Body = struct {
				io.Reader
				io.Closer
			}{io.MultiReader(io.LimitReader(resp.Body, n), broken{}), resp.Body}
		}
		return resp, err
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errReset }

func TestBodyIsReadOn(t *testing.T) {
	t.Parallel() // it waits, more than it works
	server := s3server.ForTest(t, s3server.VersityGW)
	s := via(t, server, "cut", cut(300_000))
	body := make([]byte, 3<<20)
	for i := range body {
		body[i] = byte(i / 7)
	}
	v, err := s.PutIf(t.Context(), "k", body, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range [][2]int64{{0, -1}, {1, -1}, {100_000, 2 << 20}, {3<<20 - 5, -1}} {
		want := body[r[0]:]
		if r[1] > 0 {
			want = want[:r[1]]
		}
		rc, _, err := s.Open(t.Context(), "k", r[0], r[1])
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(rc); err != nil || !bytes.Equal(got, want) {
			t.Errorf("Open(%d, %d): %d bytes, %v, want %d", r[0], r[1], len(got), err, len(want))
		}
		rc.Close()
	}
	// Replaced while it is read: the rest must not come from the other version.
	rc, _, err := s.Open(t.Context(), "k", 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	if _, err := io.ReadFull(rc, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutIf(t.Context(), "k", []byte("another"), v); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(rc); !errors.Is(err, storage.ErrPrecondition) {
		t.Errorf("after a replacement: %d more bytes, %v", len(got), err)
	}
}

// A bit that turns over on the way is found out by the server, or by us.
func TestCorruption(t *testing.T) {
	t.Parallel() // it waits, more than it works
	server := s3server.ForTest(t, s3server.VersityGW)
	var sick atomic.Bool
	s := via(t, server, "corrupt", func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
		flip := func(b io.ReadCloser) io.ReadCloser { return &flipper{ReadCloser: b} }
		if sick.Load() && r.Method == http.MethodPut && r.Body != nil {
			r.Body = flip(r.Body)
		}
		resp, err := next.RoundTrip(r)
		if err == nil && sick.Load() && r.Method == http.MethodGet {
			resp.Body = flip(resp.Body)
		}
		return resp, err
	})
	if _, err := s.PutIf(t.Context(), "good", bytes.Repeat([]byte("x"), 5000), ""); err != nil {
		t.Fatal(err)
	}
	sick.Store(true)
	if _, err := s.PutIf(t.Context(), "k", bytes.Repeat([]byte("x"), 5000), ""); err == nil {
		t.Error("a record was corrupted on its way and stored")
	}
	w, err := s.Create(t.Context(), "stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(bytes.Repeat([]byte("x"), 5000)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Stage(t.Context()); err == nil {
		t.Error("a part was corrupted on its way and stored")
	}
	if _, _, err := s.Get(t.Context(), "good"); err == nil {
		t.Error("a record was corrupted on its way back and taken")
	}
}

// flipper turns over a bit of the first long piece.
type flipper struct {
	io.ReadCloser
	done bool
}

func (f *flipper) Read(p []byte) (int, error) {
	n, err := f.ReadCloser.Read(p)
	if n > 600 && !f.done {
		p[500] ^= 1
		f.done = true
	}
	return n, err
}

func TestUnreachable(t *testing.T) {
	t.Parallel() // it waits, more than it works
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	s, err := s3.New("bucket", "", s3.Options{Endpoint: "http://" + addr, Credentials: s3.Credentials{AccessKey: "a", SecretKey: "b"}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.PutIf(t.Context(), "k", nil, "")
	if !errs.Is(err, errs.Unavailable) || errors.Is(err, storage.ErrUnknown) || !strings.Contains(err.Error(), addr) {
		t.Errorf("PutIf without a connection must not have happened: %v", err)
	}
	if _, _, err := s.Get(t.Context(), "k"); !errs.Is(err, errs.Unavailable) {
		t.Errorf("Get: %v", err)
	}
}

// What servers say, and what it means to a reader and to a writer.
func TestReplies(t *testing.T) {
	t.Parallel() // it waits, more than it works
	var status int
	var code string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // the client's business
		w.WriteHeader(status)
		fmt.Fprintf(w, `<?xml version="1.0"?><Error><Code>%s</Code><Message>a message</Message></Error>`, code)
	}))
	defer server.Close()
	s, err := s3.New("bucket", "", s3.Options{Endpoint: server.URL, Credentials: s3.Credentials{AccessKey: "a", SecretKey: "b"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		status            int
		code              string
		read              errs.Kind
		create, replace   error // of the contract, or nil
		createK, replaceK errs.Kind
	}{
		{404, "NoSuchKey", errs.NotFound, nil, storage.ErrPrecondition, errs.Invalid, errs.Conflict},
		{404, "NoSuchBucket", errs.Invalid, nil, nil, errs.Invalid, errs.Invalid},
		{412, "PreconditionFailed", errs.Conflict, storage.ErrPrecondition, storage.ErrPrecondition, errs.Conflict, errs.Conflict},
		{409, "ConditionalRequestConflict", errs.Invalid, storage.ErrPrecondition, storage.ErrPrecondition, errs.Conflict, errs.Conflict},
		{403, "AccessDenied", errs.Invalid, nil, nil, errs.Invalid, errs.Invalid},
		{400, "RequestTimeout", errs.Unavailable, storage.ErrUnknown, storage.ErrUnknown, errs.Unavailable, errs.Unavailable},
		{500, "InternalError", errs.Unavailable, storage.ErrUnknown, storage.ErrUnknown, errs.Unavailable, errs.Unavailable},
		{503, "SlowDown", errs.Unavailable, storage.ErrUnknown, storage.ErrUnknown, errs.Unavailable, errs.Unavailable},
		{501, "NotImplemented", errs.Invalid, nil, nil, errs.Invalid, errs.Invalid},
	} {
		status, code = c.status, c.code
		ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
		_, _, err := s.Get(ctx, "k")
		if errs.KindOf(err) != c.read {
			t.Errorf("%d %s: Get: %v, kind %v, want %v", status, code, err, errs.KindOf(err), c.read)
		}
		for want, verdict := range map[storage.Version]struct {
			err  error
			kind errs.Kind
		}{"": {c.create, c.createK}, "v": {c.replace, c.replaceK}} {
			_, err := s.PutIf(ctx, "k", nil, want)
			for _, sentinel := range []error{storage.ErrUnknown, storage.ErrPrecondition, storage.ErrNotExist} {
				if errors.Is(err, sentinel) != (sentinel == verdict.err) {
					t.Errorf("%d %s: PutIf(want %q): %v, want %v", status, code, want, err, verdict.err)
				}
			}
			if errs.KindOf(err) != verdict.kind {
				t.Errorf("%d %s: PutIf(want %q): %v, kind %v, want %v", status, code, want, err, errs.KindOf(err), verdict.kind)
			}
		}
		stop()
	}
}

// A server that takes the request and never answers must not hold a writer for ever.
func TestNoAnswer(t *testing.T) {
	t.Parallel() // it waits, more than it works
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	s, err := s3.New("bucket", "", s3.Options{Endpoint: server.URL, Timeout: 50 * time.Millisecond, Credentials: s3.Credentials{AccessKey: "a", SecretKey: "b"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutIf(t.Context(), "k", []byte("x"), ""); !errors.Is(err, storage.ErrUnknown) {
		t.Errorf("PutIf: %v", err)
	}
	if _, _, err := s.Get(t.Context(), "k"); !errs.Is(err, errs.Unavailable) {
		t.Errorf("Get: %v", err)
	}
}

func TestBadOptions(t *testing.T) {
	for _, opts := range []s3.Options{{Endpoint: "localhost:9000"}, {Endpoint: "ftp://x"}, {Endpoint: "http://"}, {Endpoint: "http://x/path"}, {PartSize: 1000}} {
		if _, err := s3.NewClient(opts); !errs.Is(err, errs.Invalid) {
			t.Errorf("NewClient(%+v): %v", opts, err)
		}
	}
}
