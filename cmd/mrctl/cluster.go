package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/urfave/cli/v2"
	"google.golang.org/grpc"

	controlv1 "github.com/mrctl/mrctl/api/control/v1"
	"github.com/mrctl/mrctl/internal/dial"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/internal/mtls"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/locate"
)

// maxMessage is the largest answer of a coordinator that is taken, in bytes: a page of jobs with many parts.
const maxMessage = 64 << 20

// cluster is a store and whoever leads around it.
type cluster struct {
	uri      string
	store    storage.Store
	resolver *locate.Resolver
	tls      *mtls.Credentials // between its processes and with us; nil: plain text
	recheck  time.Duration     // how often a silent stream is checked against the lease; 0: leaseCheck

	mu   sync.Mutex
	addr string // guarded by mu; of conn
	conn *grpc.ClientConn
}

// openCluster opens the store named by --store, which has to be given.
func openCluster(c *cli.Context) (*cluster, error) { return openWith(c, 0) }

// openServed is openCluster for a process of the cluster.
func openServed(c *cli.Context) (*cluster, error) { return openWith(c, serverPatience) }

func openWith(c *cli.Context, patience time.Duration) (*cluster, error) {
	uri := c.String(flagStore)
	if uri == "" {
		return nil, next(errs.New(errs.Invalid, "%s: which cluster?", c.Command.Name),
			"name its store with --store or MRCTL_STORE")
	}
	credentials, err := credentialsOf(c)
	if err != nil {
		return nil, err
	}
	cl, err := openPatient(c, uri, patience)
	if err != nil {
		return nil, err
	}
	cl.tls = credentials
	return cl, nil
}

// openStore opens a store by its URI. Who leads there is reached in plain text, as for a run of one's own.
func openStore(c *cli.Context, uri string) (*cluster, error) { return openPatient(c, uri, 0) }

func openPatient(c *cli.Context, uri string, patience time.Duration) (*cluster, error) {
	uri, err := absolute(uri)
	if err != nil {
		return nil, err
	}
	resolver, err := resolverOf(c, patience)
	if err != nil {
		return nil, err
	}
	store, err := resolver.Store(uri)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	return &cluster{uri: uri, store: store, resolver: resolver}, nil
}

func (cl *cluster) close() {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.conn != nil {
		_ = cl.conn.Close() // nothing of it is used any more
		cl.conn = nil
	}
}

// leader finds who leads and gives a client to it. Nobody leading is errs.Unavailable.
func (cl *cluster) leader(ctx context.Context) (controlv1.ControlServiceClient, ledger.Lease, error) {
	lease, err := ledger.ReadLease(ctx, cl.store)
	if errs.Is(err, errs.NotFound) || err == nil && !lease.Led() {
		err = next(errs.New(errs.Unavailable, "no coordinator leads at %s", cl.uri),
			"start one with: mrctl serve coordinator --store %s", cl.uri)
		return nil, lease, err
	}
	if err != nil {
		return nil, lease, cl.storeError(err)
	}
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.conn != nil && cl.addr == lease.Addr {
		return controlv1.NewControlServiceClient(cl.conn), lease, nil
	}
	conn, err := dial.Coordinator(lease.Addr, cl.tls.Client(), maxMessage)
	if err != nil {
		return nil, lease, errs.E(errs.Unavailable, "dial leader", lease.Addr, err)
	}
	if cl.conn != nil {
		_ = cl.conn.Close() // of a leader that is none any more
	}
	cl.conn, cl.addr = conn, lease.Addr
	return controlv1.NewControlServiceClient(conn), lease, nil
}

// storeError is an error of the cluster's own store, where nobody can help who leads.
type storeError struct{ error }

func (e storeError) Unwrap() error { return e.error }

func (cl *cluster) storeError(err error) error {
	if err == nil {
		return nil
	}
	return exitWith(exitUnreachable, next(storeError{errs.E(errs.Other, "store", cl.uri, err)},
		"mrctl doctor --store %s says what the store cannot do", cl.uri))
}

func isStoreError(err error) bool {
	var e storeError
	return errors.As(err, &e)
}

// callTries is how often an order is offered to whoever leads before it is given up: some seconds.
const callTries = 6

// ask makes a call to the leader. While there is none, or it cannot be reached or steps down, the call is tried again with
// whoever leads by then. All calls of the job API may be repeated.
func (cl *cluster) ask(ctx context.Context, call func(context.Context, controlv1.ControlServiceClient) error) error {
	return cl.askFor(ctx, callTries, call)
}

func (cl *cluster) askFor(ctx context.Context, tries int, call func(context.Context, controlv1.ControlServiceClient) error) error {
	for try := 0; ; try++ {
		client, lease, err := cl.leader(ctx)
		if err == nil {
			err = callError(ctx, "ask leader", lease.Addr, call(ctx, client))
			if cl.tls == nil && errs.Is(err, errs.Unavailable) { // what TLS says to plain text is the end of the connection
				err = next(err, "mrctl doctor says what cannot be reached; a cluster with TLS wants --%s, --%s and --%s", flagTLSCert, flagTLSKey, flagTLSCA)
			}
		}
		if err == nil || !passing(err) || try+1 >= tries {
			return err
		}
		if err := pause(ctx, try); err != nil {
			return err
		}
	}
}

// callError turns what a call returned into an error that keeps its kind, names the leader where it was at fault, and is
// the context's own cause once that has ended.
func callError(ctx context.Context, op, addr string, err error) error {
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	err = errs.FromStatus(err)
	if errs.Is(err, errs.Unavailable) {
		return errs.E(errs.Unavailable, op, addr, err)
	}
	return err
}

// passing says that another leader, or the same one later, may answer differently.
func passing(err error) bool {
	if isStoreError(err) {
		return false // it has been tried again below
	}
	kind := errs.KindOf(err)
	return kind == errs.Unavailable || kind == errs.Fenced
}

// pause waits between two tries: longer each time up to two seconds, with full jitter above a small floor.
func pause(ctx context.Context, try int) error {
	const floor = 10 * time.Millisecond
	ceiling := min(50*time.Millisecond<<min(try, 10), 2*time.Second)
	timer := time.NewTimer(floor + rand.N(ceiling))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
