package coordinator

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	controlv1 "github.com/mrctl/mrctl/api/control/v1"
	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/coordinator/lease"
	"github.com/mrctl/mrctl/coordinator/sched"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/jobs/spec"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/local"
	"github.com/mrctl/mrctl/storage/mem"
	"github.com/mrctl/mrctl/storage/prefix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come. It is long for a busy machine; nothing waits for it to pass.
const patience = 30 * time.Second

// cluster is a store, the places of its jobs, and whoever runs over them.
type cluster struct {
	t     *testing.T
	ctx   context.Context // of the test's own calls
	store *gate
	out   *gate // the output of job()
	files storage.Source
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	files, err := local.NewSource("/")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return &cluster{t: t, ctx: ctx, store: &gate{Store: mem.New()}, out: &gate{Store: mem.New()}, files: files}
}

// Source implements storage.Places over the real files of the test.
func (c *cluster) Source(uri string) (storage.Source, string, error) {
	return c.files, strings.TrimPrefix(uri, "/"), nil
}

// Output implements storage.Places: there is one output, whatever it is called.
func (c *cluster) Output(string) (storage.Store, error) { return c.out, nil }

// coord is a coordinator that runs, and a client of it.
type coord struct {
	*Server
	controlv1.ControlServiceClient
	stop func() // ends it and waits; may be called twice
}

// start runs a coordinator with times that suit a test. It ends with the test.
func (c *cluster) start(change ...func(*Config)) *coord {
	c.t.Helper()
	cfg := Config{
		Store: c.store, Resolver: c, Listener: listen(c.t), SkipProbe: true, Heartbeat: time.Minute, InboxPoll: time.Hour,
		Lease: lease.Config{TTL: 30 * time.Second, Renew: 50 * time.Millisecond, Poll: 20 * time.Millisecond},
		Sched: sched.Config{BackoffBase: time.Millisecond, BackoffMax: time.Millisecond, SlowStart: 1},
		Log:   zaptest.NewLogger(c.t, zaptest.Level(zap.WarnLevel)),
	}
	for _, f := range change {
		f(&cfg)
	}
	srv, err := New(cfg)
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- srv.Run(ctx) }()
	conn := dial(c.t, srv.Addr())
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			c.t.Errorf("Run: %v", err)
		}
		_ = conn.Close()
	})
	c.t.Cleanup(stop)
	return &coord{Server: srv, ControlServiceClient: controlv1.NewControlServiceClient(conn), stop: stop}
}

// lead starts a coordinator and waits until it leads.
func (c *cluster) lead(change ...func(*Config)) *coord {
	c.t.Helper()
	s := c.start(change...)
	c.until("a leader", s.Leads)
	return s
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return lis
}

func dial(t *testing.T, addr string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// until waits for a condition.
func (c *cluster) until(what string, ok func() bool) {
	c.t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-c.ctx.Done():
			c.t.Fatalf("waited in vain for %s", what)
		}
	}
}

// await takes from a channel what must come.
func await[T any](c *cluster, what string, ch <-chan T) T {
	c.t.Helper()
	select {
	case v := <-ch:
		return v
	case <-c.ctx.Done():
		c.t.Fatalf("waited in vain for %s", what)
		panic("unreachable")
	}
}

// job is a word count with some map tasks and partitions.
func (c *cluster) job(maps, partitions int) spec.Job {
	c.t.Helper()
	const line = "to be or not to be, in 32 bytes\n"
	path := filepath.Join(c.t.TempDir(), "input.txt")
	if err := os.WriteFile(path, []byte(strings.Repeat(line, maps)), 0o600); err != nil {
		c.t.Fatal(err)
	}
	stage, err := proto.Marshal(&pluginv1.Stage{Name: "wc", HasMap: true})
	if err != nil {
		c.t.Fatal(err)
	}
	return spec.Job{
		Name: "wc", Plugins: map[string]string{"linux/amd64": strings.Repeat("0", 64)}, Stage: stage,
		Inputs: []string{path}, SplitSize: int64(len(line)), Partitions: partitions, Output: "/out", Submitted: time.Now(),
	}
}

// submit submits a job to a leader.
func (s *coord) submit(c *cluster, j spec.Job) string {
	c.t.Helper()
	body, err := json.Marshal(j)
	if err != nil {
		c.t.Fatal(err)
	}
	r, err := s.Submit(c.ctx, &controlv1.SubmitRequest{Spec: body})
	if err != nil {
		c.t.Fatal(err)
	}
	return r.Job
}

// Submit goes to the client, not to the server it embeds; so do the others that both have.
func (s *coord) Submit(ctx context.Context, r *controlv1.SubmitRequest) (*controlv1.SubmitResponse, error) {
	return s.ControlServiceClient.Submit(ctx, r)
}

// end watches a job to its end.
func (s *coord) end(c *cluster, id string) *controlv1.JobStatus {
	c.t.Helper()
	stream, err := s.ControlServiceClient.Watch(c.ctx, &controlv1.WatchRequest{Job: id})
	if err != nil {
		c.t.Fatal(err)
	}
	var last *controlv1.JobStatus
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			c.t.Fatalf("watch: %v", err)
		}
		last = m.Status
	}
	if last.GetPhase() < controlv1.JobStatus_PHASE_DONE {
		c.t.Fatalf("the watch ended, the job has not: %v", last)
	}
	return last
}

// status is how a job stands.
func (s *coord) status(c *cluster, id string) *controlv1.JobStatus {
	c.t.Helper()
	r, err := s.ControlServiceClient.Get(c.ctx, &controlv1.GetRequest{Job: id})
	if err != nil {
		c.t.Fatal(err)
	}
	return r.Status
}

// record is a job's record as the store has it.
func (c *cluster) record(id string) ledger.Job {
	c.t.Helper()
	j, err := ledger.ReadJob(c.ctx, c.store, id)
	if err != nil {
		c.t.Fatal(err)
	}
	return j
}

// visible lists the keys of the output.
func (c *cluster) visible() string {
	c.t.Helper()
	var keys []string
	for info, err := range c.out.List(c.ctx, "", "") {
		if err != nil {
			c.t.Fatal(err)
		}
		keys = append(keys, info.Key)
	}
	return strings.Join(keys, " ")
}

// outputOf is where the parts of a job lie that names no output.
func (c *cluster) outputOf(id string) storage.Store {
	return prefix.New(c.store, ledger.OutputFolder(id))
}
