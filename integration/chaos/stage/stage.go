// Package stage puts a cluster of real processes together in which everything can be broken: each process is reached
// through a front of package netfault or lives in a network of its own (netspace), reaches an S3 server through a door of
// package storefault, and can be killed, stopped and started again.
package stage

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mrctl/mrctl/integration/bucket"
	"github.com/mrctl/mrctl/integration/chaos/clockjump"
	"github.com/mrctl/mrctl/integration/chaos/netfault"
	"github.com/mrctl/mrctl/integration/chaos/netspace"
	"github.com/mrctl/mrctl/integration/chaos/plan"
	"github.com/mrctl/mrctl/integration/chaos/storefault"
	"github.com/mrctl/mrctl/integration/cluster"
	"github.com/mrctl/mrctl/internal/s3server"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/local"
	"github.com/mrctl/mrctl/storage/s3"
)

// Stage is a cluster, what stands between its processes, and what it leaves behind.
type Stage struct {
	Plan plan.Plan
	Dir  string // of everything that is written
	Net  wires
	// Packets can do more to the same net: nil where processes stand side by side.
	Packets *netspace.Net
	Faults  *storefault.Store // nil without an S3 server
	Root    storage.Store     // the cluster's records, undisturbed
	Bucket  bucket.Client     // where there is an S3 server

	Coordinators, Workers []*Node

	binary string
	server *s3server.Server // nil for a folder
	client *storefault.Door // nil for a folder
	user   place            // of the client
	// aside is for what the harness itself asks: its own door, which knows no faults, and its own place.
	aside struct {
		store *storefault.Store // nil for a folder
		door  *storefault.Door
		place place
	}
	conns  conns
	mounts []string

	watches sync.WaitGroup // of the ends of processes
	whole   atomic.Bool    // all nodes have been added

	mu      sync.Mutex
	clients map[int]bool // guarded by mu; pids
	ends    []string     // guarded by mu; of processes that ended by themselves
}

// Open prepares a stage in an empty folder; no process of the cluster runs yet. Close it in any case. With spaces each process
// gets a network of its own (netspace.Check says whether that can be had).
func Open(ctx context.Context, binary, dir string, p plan.Plan, spaces bool) (*Stage, error) {
	s := &Stage{Plan: p, Dir: dir, binary: binary, clients: map[int]bool{}, conns: conns{to: map[place]conn{}}}
	if s.Net = (proxied{netfault.New(s.whose)}); spaces {
		s.Packets = netspace.New(p.Seed)
		s.Net = &apart{Net: s.Packets}
	}
	for _, d := range []string{s.temp(), s.Local("in"), s.Local("logs")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return s, err
		}
	}
	if err := s.openStore(ctx); err != nil {
		return s, err
	}
	if err := s.placeClients(); err != nil {
		return s, err
	}
	if err := p.Work.Write(s.Local("in")); err != nil {
		return s, err
	}
	if s.server != nil {
		if _, _, err := s.Bucket.Upload(ctx, s3server.Bucket, "in/", s.Local("in")); err != nil {
			return s, fmt.Errorf("upload the input: %w", err)
		}
	}
	for i := range p.Coordinators {
		if err := s.addNode(fmt.Sprintf("coordinator-%d", i), &s.Coordinators); err != nil {
			return s, err
		}
	}
	for i := range p.Workers {
		if err := s.addNode(fmt.Sprintf("worker-%d", i), &s.Workers); err != nil {
			return s, err
		}
	}
	s.whole.Store(true)
	if p.Has(plan.FullDisk) {
		return s, s.mountScratch()
	}
	return s, nil
}

func (s *Stage) openStore(ctx context.Context) (err error) {
	if s.Plan.Store == plan.Folder {
		s.Root, err = local.New(s.Local("store"), local.Options{})
		return err
	}
	if s.server, err = s3server.Start(ctx, s3server.Kind(s.Plan.Store), s.Local("server")); err != nil {
		return err
	}
	s.Faults = storefault.New(s.server.Endpoint, s.Plan.Seed)
	s.aside.store = storefault.New(s.server.Endpoint, s.Plan.Seed)
	if s.client, err = s.Net.door(s.Faults, ClientName); err != nil {
		return err
	}
	if s.aside.door, err = s.Net.door(s.aside.store, asideName); err != nil {
		return err
	}
	if s.Bucket, err = bucket.Dial(s.server.Endpoint, s.server.AccessKey, s.server.SecretKey); err != nil {
		return err
	}
	s.Root, err = s3.New(s3server.Bucket, "cluster", s3.Options{Endpoint: s.server.Endpoint,
		Credentials: s3.Credentials{AccessKey: s.server.AccessKey, SecretKey: s.server.SecretKey}})
	return err
}

func (s *Stage) placeClients() (err error) {
	if s.user, err = s.Net.client(ClientName); err == nil {
		s.aside.place, err = s.Net.client(asideName)
	}
	return err
}

func (s *Stage) addNode(name string, to *[]*Node) (err error) {
	n := &Node{Name: name, Scratch: s.Local(name)}
	if n.place, err = s.Net.node(name); err != nil {
		return err
	}
	if s.Faults != nil {
		if n.door, err = s.Net.door(s.Faults, name); err != nil {
			return err
		}
	}
	if *to = append(*to, n); s.Plan.MovesClocks() {
		return s.MoveClock(n, 0)
	}
	return nil
}

// Local is a path within the stage's folder.
func (s *Stage) Local(name string) string { return filepath.Join(s.Dir, name) }

// temp is the folder for temporary files of all processes. Its path is short, for sockets lie in it.
func (s *Stage) temp() string { return s.Local("t") }

// URI is where something lies that all processes reach: "cluster", "in", "out".
func (s *Stage) URI(name string) string {
	if s.server != nil {
		return "s3://" + s3server.Bucket + "/" + name
	}
	if name == "cluster" {
		name = "store"
	}
	return s.Local(name)
}

// Nodes are all processes of the cluster, coordinators first.
func (s *Stage) Nodes() []*Node { return append(append([]*Node{}, s.Coordinators...), s.Workers...) }

// clock is the file that holds by how much a node's clock is off.
func (s *Stage) clock(n *Node) string { return s.Local("clock." + n.Name) }

// MoveClock makes the wall clock of a node, and of its process after a restart, differ from the machine's.
func (s *Stage) MoveClock(n *Node, by time.Duration) error { return clockjump.Set(s.clock(n), by) }

// environment is what a process needs to reach the store by a door, and to leave the user's files alone.
func (s *Stage) environment(door *storefault.Door) []string {
	env := []string{"TMPDIR=" + s.temp(), "XDG_CACHE_HOME=" + s.Local("cache"), "XDG_CONFIG_HOME=" + s.Local("config"),
		"MRCTL_STORE=" + s.URI("cluster"), "MRCTL_CONFIG=", "MRCTL_S3_ENDPOINT="}
	if door != nil {
		env = append(env, "AWS_ENDPOINT_URL="+door.Endpoint(), "AWS_ENDPOINT_URL_S3="+door.Endpoint(), "AWS_REGION=us-east-1",
			"AWS_ACCESS_KEY_ID="+s.server.AccessKey, "AWS_SECRET_ACCESS_KEY="+s.server.SecretKey, "AWS_SESSION_TOKEN=",
			"AWS_EC2_METADATA_DISABLED=true")
	}
	return env
}

// Boot starts all processes.
func (s *Stage) Boot(ctx context.Context) error {
	var all sync.WaitGroup
	nodes := s.Nodes()
	errs := make([]error, len(nodes))
	for i, n := range nodes {
		all.Go(func() { errs[i] = s.Start(ctx, n) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return cluster.Until(ctx, "a leader with all workers", func() (bool, error) {
		n, err := s.countWorkers(ctx)
		return n == len(s.Workers), err
	})
}

// Names, beside those of nodes, that rules of the network may be about.
const (
	ClientName = "client"
	StoreName  = "store" // where processes have networks of their own
)

const (
	asideName = "aside"
	startTime = 40 * time.Second // that a process may take until it serves
)

// Mrctl runs the command line as the client, through the disturbed network and store.
func (s *Stage) Mrctl(ctx context.Context, args ...string) (cluster.Result, error) {
	return cluster.RunStarted(ctx, s.user.start, s.binary, s.environment(s.client), func(pid int, alive bool) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.clients[pid] = alive; !alive {
			delete(s.clients, pid)
		}
	}, args...)
}

// Undisturbed runs the command line beside all faults of the store, and from a place of its own.
func (s *Stage) Undisturbed(ctx context.Context, args ...string) (cluster.Result, error) {
	return cluster.RunStarted(ctx, s.aside.place.start, s.binary, s.environment(s.aside.door), func(int, bool) {}, args...)
}

// whose names the process at the other end of a connection: a node, the client, or "".
func (s *Stage) whose(c net.Conn) string {
	if !s.whole.Load() {
		return "" // a stranger who looks for whom had the port before
	}
	names := map[int]string{}
	var pids []int
	for _, n := range s.Nodes() {
		if pid := n.Pid(); pid != 0 {
			names[pid] = n.Name
			pids = append(pids, pid)
		}
	}
	s.mu.Lock()
	for pid := range s.clients {
		names[pid] = ClientName
		pids = append(pids, pid)
	}
	s.mu.Unlock()
	return names[netfault.Owner(c, pids)]
}

// Close kills what still runs, ends the proxies and the server, and removes what is large: of the folder, the logs stay.
func (s *Stage) Close() error {
	for _, n := range s.Nodes() {
		n.kill()
	}
	s.watches.Wait()
	s.conns.close()
	if s.Faults != nil {
		s.Faults.Close()
		s.aside.store.Close()
	}
	all := []error{s.Net.close()}
	if s.server != nil {
		all = append(all, s.server.Stop())
	}
	all = append(all, s.unmount())
	for _, name := range append([]string{"server", "store", "in", "out", "cache", "t"}, names(s.Workers)...) {
		all = append(all, os.RemoveAll(s.Local(name)))
	}
	return errors.Join(all...)
}

func names(nodes []*Node) (list []string) {
	for _, n := range nodes {
		list = append(list, n.Name)
	}
	return list
}

// SplitSize is the bytes of a split such that each input file is about one.
func (s *Stage) SplitSize() string {
	var sum int64
	files, _ := filepath.Glob(s.Local("in/*")) // the pattern is a good one
	for _, f := range files {
		sum += sizeOf(f)
	}
	return strconv.FormatInt(max(1, sum/int64(s.Plan.Work.Files)), 10)
}
