package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/mrctl/mrctl/integration/bench/refs/netcopy"
)

// copyBytes sends bytes to a second process of this program and prints how fast they went.
func copyBytes(args []string) (err error) {
	if len(args) != 2 {
		return fmt.Errorf("a kind of stream and a number of bytes are needed, got %q", args)
	}
	kind := args[0]
	n, err := strconv.ParseFloat(args[1], 64) // 1e9 is a number too
	if err != nil || n < 0 || n > 1<<50 {
		return fmt.Errorf("%q is no number of bytes", args[1])
	}
	dir, err := os.MkdirTemp("", "copy-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	l, address, secret, err := netcopy.Listen(ctx, kind, dir)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	receiver := exec.CommandContext(ctx, self, "copy-receive", kind, address, secret)
	receiver.Stderr = os.Stderr
	if err := receiver.Start(); err != nil {
		return errors.Join(err, l.Close())
	}
	var g errgroup.Group
	g.Go(func() error {
		return errors.Join(receiver.Wait(), l.Close()) // a receiver that dies before it connects ends Accept
	})
	took, err := acceptAndSend(l, int64(n))
	if err != nil {
		cancel()
	}
	if err = errors.Join(err, g.Wait()); err != nil {
		return err
	}
	fmt.Printf("%.4f s\t%.0f MB/s\n", took.Seconds(), n/1e6/took.Seconds())
	return nil
}

func acceptAndSend(l net.Listener, n int64) (time.Duration, error) {
	c, err := l.Accept()
	if err != nil {
		return 0, err
	}
	took, err := netcopy.Send(c, n)
	return took, errors.Join(err, c.Close())
}

func copyReceive(args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("a kind, an address and a certificate are needed, got %q", args)
	}
	c, err := netcopy.Dial(context.Background(), args[0], args[1], args[2])
	if err != nil {
		return err
	}
	return errors.Join(netcopy.Receive(c), c.Close())
}
