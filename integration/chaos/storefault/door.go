package storefault

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"time"
)

// Door is the endpoint of one process.
type Door struct {
	store  *Store
	from   string
	server *http.Server
	addr   string
}

// Door opens an endpoint for the process of a name.
func (s *Store) Door(from string) (*Door, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return s.DoorAt(l, from), nil
}

// DoorAt is Door where l listens. Close closes it.
func (s *Store) DoorAt(l net.Listener, from string) *Door {
	d := &Door{store: s, from: from, addr: l.Addr().String()}
	d.server = &http.Server{Handler: d, ReadHeaderTimeout: time.Minute}
	s.mu.Lock()
	s.doors = append(s.doors, d)
	s.mu.Unlock()
	s.work.Go(func() { _ = d.server.Serve(l) }) // until Close
	return d
}

// Endpoint is the door's URL.
func (d *Door) Endpoint() string { return "http://" + d.addr }

const slowDown = `<?xml version="1.0" encoding="UTF-8"?>` + "\n" +
	`<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>`

// ServeHTTP passes a request on, or does with it what its fate is.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f := d.store.fate(Request{d.from, r})
	if f.First != nil {
		f.First()
	}
	switch {
	case f.Refuse:
		_, _ = io.Copy(io.Discard, r.Body) // so that the connection lives on
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, slowDown) // the sender may have left
		return
	case f.Lose:
		panic(http.ErrAbortHandler)
	case f.Late > 0:
		d.later(r, f.Late)
		panic(http.ErrAbortHandler)
	}
	reply, err := d.forward(r.Context(), r, r.Body)
	if f.Then != nil {
		f.Then()
	}
	if err != nil {
		panic(http.ErrAbortHandler) // the server cannot be reached
	}
	defer func() { _ = reply.Body.Close() }() // only read
	if f.Unheard {
		_, _ = io.Copy(io.Discard, reply.Body)
		panic(http.ErrAbortHandler)
	}
	if f.Delay > 0 {
		select {
		case <-time.After(f.Delay):
		case <-r.Context().Done():
		case <-d.store.closed:
		}
	}
	answer(w, reply, f)
}

// forward sends a request to the server as it came.
func (d *Door) forward(ctx context.Context, r *http.Request, body io.Reader) (*http.Response, error) {
	out := r.Clone(ctx)
	out.URL.Scheme, out.URL.Host, out.RequestURI = "http", d.store.target, ""
	out.Body = nil
	if r.ContentLength != 0 {
		out.Body = io.NopCloser(body)
	}
	out.Header.Del("Connection")
	return d.store.client.RoundTrip(out) // Host stays: it is signed
}

// later makes the server hear of a request when its sender has long given up.
func (d *Door) later(r *http.Request, after time.Duration) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	out := r.Clone(context.WithoutCancel(r.Context()))
	d.store.late.Go(func() {
		select {
		case <-time.After(after):
		case <-d.store.closed:
			return
		}
		if reply, err := d.forward(out.Context(), out, bytes.NewReader(body)); err == nil {
			_ = reply.Body.Close() // nobody waits for it
		}
	})
}

// answer passes a reply back, its body cut or damaged where that is its fate.
func answer(w http.ResponseWriter, reply *http.Response, f Fate) {
	for k, v := range reply.Header {
		w.Header()[k] = v
	}
	w.Header().Del("Connection")
	w.WriteHeader(reply.StatusCode)
	whole := reply.StatusCode < 300 && reply.ContentLength > 0
	switch {
	case f.Cut && whole:
		_, _ = io.CopyN(w, reply.Body, reply.ContentLength/2)
		_ = http.NewResponseController(w).Flush() // else so little may not be sent at all
		panic(http.ErrAbortHandler)
	case f.Flip && whole:
		flip(w, reply.Body, reply.ContentLength/2)
	default:
		flow(w, reply.Body)
	}
}

// flip copies a body with the lowest bit of byte at the other way round.
func flip(w io.Writer, r io.Reader, at int64) {
	_, _ = io.CopyN(w, r, at) // what goes wrong here, the receiver sees
	var b [1]byte
	if _, err := io.ReadFull(r, b[:]); err == nil {
		_, _ = w.Write([]byte{b[0] ^ 1})
	}
	_, _ = io.Copy(w, r)
}

// flow copies a body. One that breaks off at the server must break off here too, not end.
func flow(w io.Writer, r io.Reader) {
	if _, err := io.Copy(w, r); err != nil {
		panic(http.ErrAbortHandler)
	}
}
