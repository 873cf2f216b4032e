package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"sync"
	"testing"

	"google.golang.org/grpc"

	controlv1 "github.com/mrctl/mrctl/api/control/v1"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/local"
)

// fakeLeader answers the job API from what a test puts into it.
type fakeLeader struct {
	controlv1.UnimplementedControlServiceServer
	jobs    []*controlv1.JobStatus
	works   []*controlv1.Worker
	logs    []*controlv1.LogsResponse
	watched func(*controlv1.WatchRequest, grpc.ServerStreamingServer[controlv1.WatchResponse]) error

	mu        sync.Mutex
	cancelled []string // guarded by mu
}

func (f *fakeLeader) find(id string) (*controlv1.JobStatus, error) {
	for _, s := range f.jobs {
		if s.Id == id {
			return s, nil
		}
	}
	return nil, errs.ToStatus(errs.New(errs.NotFound, "job %s: there is no such job", id))
}

func (f *fakeLeader) Get(_ context.Context, r *controlv1.GetRequest) (*controlv1.GetResponse, error) {
	s, err := f.find(r.Job)
	return &controlv1.GetResponse{Status: s}, err
}

func (f *fakeLeader) List(context.Context, *controlv1.ListRequest) (*controlv1.ListResponse, error) {
	return &controlv1.ListResponse{Jobs: f.jobs}, nil
}

func (f *fakeLeader) Watch(r *controlv1.WatchRequest, to grpc.ServerStreamingServer[controlv1.WatchResponse]) error {
	if f.watched != nil {
		return f.watched(r, to)
	}
	s, err := f.find(r.Job)
	if err != nil {
		return err
	}
	return to.Send(&controlv1.WatchResponse{Status: s})
}

func (f *fakeLeader) Cancel(_ context.Context, r *controlv1.CancelRequest) (*controlv1.CancelResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cancelled = append(f.cancelled, r.Job+" "+r.Reason)
	return &controlv1.CancelResponse{Status: &controlv1.JobStatus{Id: r.Job, Phase: controlv1.JobStatus_PHASE_CANCELLED}}, nil
}

func (f *fakeLeader) Logs(r *controlv1.LogsRequest, to grpc.ServerStreamingServer[controlv1.LogsResponse]) error {
	for _, l := range f.logs {
		if err := to.Send(l); err != nil {
			return err
		}
	}
	return nil
}

func (f *fakeLeader) Workers(context.Context, *controlv1.WorkersRequest) (*controlv1.WorkersResponse, error) {
	return &controlv1.WorkersResponse{Workers: f.works}, nil
}

func (f *fakeLeader) Leader(context.Context, *controlv1.LeaderRequest) (*controlv1.LeaderResponse, error) {
	return &controlv1.LeaderResponse{Holder: "fake", Addr: "here", Epoch: 3, Version: "v0"}, nil
}

func (f *fakeLeader) Nudge(context.Context, *controlv1.NudgeRequest) (*controlv1.NudgeResponse, error) {
	return &controlv1.NudgeResponse{}, nil
}

// lead serves a fake leader and has the lease name it, until the test ends or stop is called.
func lead(t *testing.T, store storage.Store, epoch uint64, f *fakeLeader) (stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	stop, err = serveFake(store, l, epoch, f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return stop
}

func serveFake(store storage.Store, l net.Listener, epoch uint64, f *fakeLeader) (stop func(), err error) {
	server := grpc.NewServer()
	controlv1.RegisterControlServiceServer(server, f)
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(l)
	}()
	return sync.OnceFunc(func() { server.Stop(); <-served }), writeLease(store, ledger.Lease{V: 1, Epoch: epoch, Holder: "fake",
		Addr: l.Addr().String(), Nonce: ledger.NewNonce(), TTL: 10000})
}

// writeLease replaces the lease whatever it says.
func writeLease(store storage.Store, lease ledger.Lease) error {
	ctx := context.Background()
	var old storage.Version
	if _, info, err := store.Get(ctx, ledger.LeaseKey); err == nil {
		old = info.Version
	}
	_, err := store.PutIf(ctx, ledger.LeaseKey, lease.Encode(), old)
	return err
}

// writeJob creates a job's record.
func writeJob(t *testing.T, store storage.Store, j ledger.Job) {
	t.Helper()
	j.V, j.Epoch, j.Seq, j.Claims = ledger.JobV, max(j.Epoch, 1), 1, 1
	j.Nonce = ledger.NewNonce()
	body, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.PutIf(t.Context(), ledger.JobKey(j.ID), body, ""); err != nil {
		t.Fatal(err)
	}
}

// testStore is a cluster's store in a folder.
func testStore(t *testing.T) (storage.Store, string) {
	t.Helper()
	dir := t.TempDir()
	store, err := local.New(dir, local.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	return store, dir
}

// mrctl runs a command line in this process, with a cache folder of the test's own.
func mrctl(t *testing.T, s servers, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	return mrctlIn(t.Context(), t, s, args...)
}

func mrctlIn(ctx context.Context, t *testing.T, s servers, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errOut lockedBuffer
	p := &program{stdin: bytes.NewReader(nil), stdout: &out, stderr: &errOut, servers: s}
	err := p.run(ctx, append([]string{"mrctl"}, args...))
	report(&errOut, err)
	return out.String(), errOut.String(), exitCode(err)
}

// lockedBuffer is a buffer that servers may log to while others write.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer // guarded by mu
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
