package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	shufflev1 "github.com/mrctl/mrctl/api/shuffle/v1"
	"github.com/mrctl/mrctl/integration/bench/refs/netcopy"
	"github.com/mrctl/mrctl/internal/budget"
	"github.com/mrctl/mrctl/worker/shuffle"
)

// memory is what a reader lands sections in. A partition fits when there are no more than 2 GB in all.
const memory = 256 << 20

func serveShuffle(ctx context.Context, dir, kind string, ready func(addr, secret string)) error {
	creds, secret := insecure.NewCredentials(), ""
	if kind == netcopy.TLS {
		config, s, err := netcopy.ServerTLS()
		if err != nil {
			return err
		}
		creds, secret = credentials.NewTLS(config), s
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := grpc.NewServer(append(shuffle.ServerOptions(), grpc.Creds(creds), grpc.WaitForHandlers(true))...)
	shufflev1.RegisterShuffleServiceServer(server, shuffle.NewServer(func(_ string, _, task, _ uint32) (string, bool) {
		return runPath(dir, int(task)), true
	}))
	var g errgroup.Group
	g.Go(func() error { return server.Serve(l) })
	ready(l.Addr().String(), secret)
	<-ctx.Done()
	server.Stop()
	return g.Wait()
}

// fetcher is the reader's end.
type fetcher struct {
	conns  *shuffle.Conns
	client *shuffle.Client
	source *sessionv1.Source
	dir    string
}

func openShuffle(_ context.Context, dir, kind, addr, secret string) (reader, error) {
	creds := insecure.NewCredentials()
	if kind == netcopy.TLS {
		config, err := netcopy.ClientTLS(secret)
		if err != nil {
			return nil, err
		}
		creds = credentials.NewTLS(config)
	}
	f := &fetcher{conns: shuffle.NewConns(grpc.WithTransportCredentials(creds)), dir: dir}
	f.client = shuffle.NewClient(shuffle.Config{
		Worker: "reader", Routes: f.conns.Routes,
		Lookup: func(string, uint32, uint32, uint32) (string, bool) { return "", false },
	})
	f.source = &sessionv1.Source{Worker: "producer", Addr: addr}
	for task := range uint32(tasks) {
		f.source.Tasks = append(f.source.Tasks, task)
		f.source.Attempts = append(f.source.Attempts, 1)
	}
	return f, nil
}

func (f *fetcher) move(ctx context.Context, take func([]byte)) (total int64, err error) {
	scratch, err := os.MkdirTemp(f.dir, "scratch-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	for part := range uint32(partitions) {
		got, err := f.client.Fetch(ctx, shuffle.Request{
			Job: "job", Stage: 1, Partition: part, Sources: []*sessionv1.Source{f.source},
			Memory: budget.New(memory), Scratch: scratch,
		})
		if err != nil {
			return total, err
		}
		slices.SortFunc(got.Sections, func(a, b shuffle.Landed) int { return cmp.Compare(a.Task, b.Task) })
		for _, s := range got.Sections {
			if s.Range.Mem == nil {
				return total, fmt.Errorf("partition %d does not fit in %d MiB", part, memory>>20)
			}
			if take != nil {
				take(s.Range.Mem)
			}
			total += s.Range.Len
			s.Range.Done()
		}
	}
	return total, nil
}

func (f *fetcher) Close() error { return f.conns.Close() }
