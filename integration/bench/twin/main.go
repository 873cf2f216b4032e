// Command twin counts the words of a file as `mrctl run ./examples/wordcount` does, with the same coordinator and worker
// but the job's functions within this process: what mrctl takes longer is the price of running them in another.
//
//	twin [-memory BYTES] [-slots N] -o FOLDER FILE
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	controlv1 "github.com/mrctl/mrctl/api/control/v1"
	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/coordinator"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/jobs"
	"github.com/mrctl/mrctl/jobs/spec"
	"github.com/mrctl/mrctl/storage/local"
	"github.com/mrctl/mrctl/storage/locate"
	"github.com/mrctl/mrctl/worker"
)

var (
	memory = flag.Int64("memory", 1<<30, "`bytes` for buffers")
	slots  = flag.Int("slots", runtime.GOMAXPROCS(0), "tasks at a time")
	out    = flag.String("o", "", "the `folder` of the result")
)

// count is the job of examples/wordcount.
func count(_ context.Context, line string, emit func(string, int64)) error {
	for word := range jobs.Words(line) {
		emit(word, 1)
	}
	return nil
}

var job = jobs.Job[string, string, int64, jobs.Pair[string, int64]]{Name: "wordcount", Map: count, Combine: jobs.Sum[int64]()}

func main() {
	flag.Parse()
	if flag.NArg() != 1 || *out == "" {
		flag.Usage()
		os.Exit(2)
	}
	// The heap is that of a worker and of a plugin together.
	debug.SetMemoryLimit(*memory + 128<<20)
	defer runtime.KeepAlive(make([]byte, 64<<20))
	if err := run(context.Background(), flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, "twin:", err)
		os.Exit(1)
	}
}

// run runs the job from end to end.
func run(ctx context.Context, input string) (err error) {
	dir, err := os.MkdirTemp("", "mrctl-twin-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	store, err := local.New(filepath.Join(dir, "store"), local.Options{NoSync: true})
	if err != nil {
		return err
	}
	places, err := locate.New(locate.Config{})
	if err != nil {
		return err
	}
	defer places.Close()
	program, err := job.Program()
	if err != nil {
		return err
	}
	plugin := boundary.NewServer(&pluginv1.DescribeResponse{Protocol: boundary.Protocol, Stages: []*pluginv1.Stage{program.Describe()}}, program)

	leaderAt, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	workerAt, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	c, err := coordinator.New(coordinator.Config{Store: store, Resolver: places, Listener: leaderAt, SkipProbe: true})
	if err != nil {
		return err
	}
	w, err := worker.New(worker.Config{
		Store: store, Resolver: places, Listener: workerAt, Leader: leaderAt.Addr().String(),
		Scratch: filepath.Join(dir, "worker"), Slots: *slots, Memory: *memory, InProcess: plugin,
	})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	g, ctx := errgroup.WithContext(ctx)
	for _, server := range []func(context.Context) error{c.Run, w.Run} {
		g.Go(func() error {
			if err := server(ctx); ctx.Err() == nil {
				return fmt.Errorf("a server ended by itself: %w", err)
			}
			return nil
		})
	}
	g.Go(func() error {
		defer stop()
		return submit(ctx, store, program, leaderAt.Addr().String(), input)
	})
	return g.Wait()
}

// submit puts the job into the store and waits for its end.
func submit(ctx context.Context, store *local.Store, program boundary.Program, leader, input string) error {
	stage, err := proto.Marshal(program.Describe())
	if err != nil {
		return err
	}
	if input, err = filepath.Abs(input); err != nil {
		return err
	}
	folder, err := filepath.Abs(*out)
	if err != nil {
		return err
	}
	s := spec.Job{
		Name: program.Describe().GetName(), Stage: stage, Inputs: []string{input}, Output: folder, MaxBadRecords: -1, Submitted: time.Now().UTC(),
		Plugins: map[string]string{runtime.GOOS + "/" + runtime.GOARCH: strings.Repeat("0", 64)}, // nobody looks for it
	}
	id := ledger.JobIDFor(s)
	if err := ledger.SubmitInbox(ctx, store, id, s); err != nil {
		return err
	}
	conn, err := grpc.NewClient(leader, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // all is said by then
	control := controlv1.NewControlServiceClient(conn)
	for { // the coordinator leads when it has read the store
		if _, err = control.Nudge(ctx, &controlv1.NudgeRequest{}, grpc.WaitForReady(true)); err == nil {
			break
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
	return watch(ctx, control, id)
}

// watch waits for the end of a job.
func watch(ctx context.Context, control controlv1.ControlServiceClient, id string) error {
	for {
		stream, err := control.Watch(ctx, &controlv1.WatchRequest{Job: id})
		for err == nil {
			var m *controlv1.WatchResponse
			if m, err = stream.Recv(); err != nil {
				break // a job that is not accepted yet is not known
			}
			switch m.GetStatus().GetPhase() {
			case controlv1.JobStatus_PHASE_DONE:
				return nil
			case controlv1.JobStatus_PHASE_FAILED, controlv1.JobStatus_PHASE_CANCELLED:
				return fmt.Errorf("the job ended as %v: %s", m.GetStatus().GetPhase(), m.GetStatus().GetError())
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}
