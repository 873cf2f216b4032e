package worker

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"

	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/storage"
)

// fakeLeader takes the sessions of an agent; a test says what it orders.
type fakeLeader struct {
	sessionv1.UnimplementedSessionServiceServer
	w        *world
	addr     string
	epoch    uint64
	beat     time.Duration
	sessions chan *fakeSession
	stop     func()
}

// fakeSession is one session: what the agent says comes out of its channels.
type fakeSession struct {
	w        *world
	register *sessionv1.Register
	reports  chan *sessionv1.Report
	beats    chan *sessionv1.Heartbeat
	drains   chan struct{}
	ended    chan struct{} // closed when the agent's end is gone

	mu     sync.Mutex
	stream sessionv1.SessionService_AttachServer // guarded by mu
	epoch  uint64
	cut    context.CancelFunc
}

// leader starts a leader of an epoch, and enters it in the lease.
func (w *world) leader(epoch uint64, beat time.Duration) *fakeLeader {
	w.t.Helper()
	l := &fakeLeader{w: w, epoch: epoch, beat: beat, sessions: make(chan *fakeSession, 100)}
	lis := listen(w.t)
	l.addr = lis.Addr().String()
	srv := grpc.NewServer(grpc.WaitForHandlers(true))
	sessionv1.RegisterSessionServiceServer(srv, l)
	var serving sync.WaitGroup
	serving.Go(func() { _ = srv.Serve(lis) })
	l.stop = sync.OnceFunc(func() { srv.Stop(); serving.Wait() })
	w.t.Cleanup(l.stop)
	w.enter(l)
	return l
}

// enter writes the lease.
func (w *world) enter(l *fakeLeader) {
	w.t.Helper()
	_, info, err := w.store.Get(w.ctx, ledger.LeaseKey)
	if err != nil && !errors.Is(err, storage.ErrNotExist) {
		w.t.Fatal(err)
	}
	rec := ledger.Lease{V: ledger.LeaseV, Epoch: l.epoch, Holder: "h", Addr: l.addr, Nonce: ledger.NewNonce(), TTL: 1000}
	if _, err := w.store.PutIf(w.ctx, ledger.LeaseKey, rec.Encode(), info.Version); err != nil {
		w.t.Fatal(err)
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return lis
}

// Attach implements sessionv1.SessionServiceServer.
func (l *fakeLeader) Attach(stream sessionv1.SessionService_AttachServer) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	ctx, cut := context.WithCancel(stream.Context())
	defer cut()
	s := &fakeSession{w: l.w, register: first.GetRegister(), stream: stream, epoch: l.epoch, cut: cut,
		reports: make(chan *sessionv1.Report, 1000), beats: make(chan *sessionv1.Heartbeat, 1000),
		drains: make(chan struct{}, 10), ended: make(chan struct{})}
	s.send(&sessionv1.AttachResponse{Kind: &sessionv1.AttachResponse_Welcome{Welcome: &sessionv1.Welcome{HeartbeatNanos: int64(l.beat)}}})
	go func() { // ends with the stream, which ends when this handler returns
		defer close(s.ended)
		defer cut()
		for {
			m, err := stream.Recv()
			if err != nil {
				return
			}
			switch k := m.Kind.(type) {
			case *sessionv1.AttachRequest_Report:
				s.reports <- k.Report
			case *sessionv1.AttachRequest_Heartbeat:
				select {
				case s.beats <- k.Heartbeat:
				default:
				}
			case *sessionv1.AttachRequest_Drain:
				s.drains <- struct{}{}
			}
		}
	}()
	l.sessions <- s
	<-ctx.Done()
	return io.ErrUnexpectedEOF
}

func (s *fakeSession) send(m *sessionv1.AttachResponse) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m.Epoch = s.epoch
	_ = s.stream.Send(m) // the test notices what does not happen
}

func (s *fakeSession) start(o *sessionv1.Start) {
	s.send(&sessionv1.AttachResponse{Kind: &sessionv1.AttachResponse_Start{Start: o}})
}

func (s *fakeSession) addSources(id *sessionv1.AttemptID, sources []*sessionv1.Source, gone ...uint32) {
	s.send(&sessionv1.AttachResponse{Kind: &sessionv1.AttachResponse_AddSources{AddSources: &sessionv1.AddSources{Id: id, Sources: sources, Gone: gone}}})
}

func (s *fakeSession) stopAttempt(id *sessionv1.AttemptID) {
	s.send(&sessionv1.AttachResponse{Kind: &sessionv1.AttachResponse_Stop{Stop: &sessionv1.Stop{Id: id}}})
}

func (s *fakeSession) ack(id *sessionv1.AttemptID) {
	s.send(&sessionv1.AttachResponse{Kind: &sessionv1.AttachResponse_Ack{Ack: &sessionv1.Ack{Id: id}}})
}

func (s *fakeSession) release(job string) {
	s.send(&sessionv1.AttachResponse{Kind: &sessionv1.AttachResponse_Release{Release: &sessionv1.Release{Job: job}}})
}

// report is the next report, which must be of an attempt.
func (s *fakeSession) report(of *sessionv1.AttemptID) *sessionv1.Report {
	s.w.t.Helper()
	r := await(s.w, "the report of "+name(of), s.reports)
	if name(r.Id) != name(of) || r.Id.Job != of.Job {
		s.w.t.Fatalf("a report of %s, want %s", name(r.Id), name(of))
	}
	return r
}

// breaks cuts the session and waits until the agent has noticed.
func (s *fakeSession) breaks() {
	s.w.t.Helper()
	s.cut()
	await(s.w, "the end of the session", s.ended)
}
