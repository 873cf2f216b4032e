// Command sections moves the sections of runs from one process to another: through the shuffle, as a reduce attempt reads
// them, or over one plain stream that copies the same bytes.
//
//	sections make DIR BYTES                8 runs with 8 partitions of 100-byte records
//	sections shuffle tcp|tls DIR           a reader and a producer, which it starts
//	sections stream tcp|tls DIR            the same over one stream: pread, write; read
//
// The reader moves all bytes twice. The first time it hashes them, for the answer; the second time counts. It prints
//
//	answer <bytes> <xxh3 of the sections, partition by partition, by task in each>
//	seconds <time of the second time>
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/zeebo/xxh3"
)

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "sections:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	switch {
	case len(args) == 3 && args[0] == "make":
		n, err := strconv.ParseInt(args[2], 10, 64)
		if err != nil {
			return err
		}
		return makeRuns(args[1], n)
	case len(args) == 3 && mover(args[0]) != nil:
		return read(ctx, args[0], args[1], args[2])
	case len(args) == 4 && args[0] == "serve" && mover(args[1]) != nil:
		return serve(ctx, args[1], args[2], args[3])
	}
	return fmt.Errorf("no such program: %q", args)
}

// way is one way to move bytes.
type way struct {
	// serve serves the runs of a folder until ctx ends; it calls ready once it can be reached.
	serve func(ctx context.Context, dir, kind string, ready func(addr, secret string)) error
	// open connects a reader to it.
	open func(ctx context.Context, dir, kind, addr, secret string) (reader, error)
}

// reader is a connection to a producer.
type reader interface {
	// move moves all sections and gives their bytes to take, if it is not nil, in order. It returns how many came.
	move(ctx context.Context, take func([]byte)) (int64, error)
	Close() error
}

func mover(name string) *way {
	switch name {
	case "shuffle":
		return &way{serveShuffle, openShuffle}
	case "stream":
		return &way{serveStream, openStream}
	}
	return nil
}

// read starts a producer, moves everything twice and prints what came of it.
func read(ctx context.Context, name, kind, dir string) (err error) {
	addr, secret, stop, err := startProducer(ctx, name, kind, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	from, err := mover(name).open(ctx, dir, kind, addr, secret)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	hash := xxh3.New()
	first, err := from.move(ctx, func(b []byte) { _, _ = hash.Write(b) }) // a hash takes everything
	if err != nil {
		return err
	}
	begin := time.Now()
	second, err := from.move(ctx, nil)
	took := time.Since(begin)
	if err != nil {
		return err
	}
	if first != second {
		return fmt.Errorf("%d bytes came first, then %d", first, second)
	}
	sum := hash.Sum128().Bytes()
	fmt.Printf("answer %d %x\nseconds %.6f\n", first, sum, took.Seconds())
	return nil
}

// startProducer runs serve in a process of its own; stop ends it.
func startProducer(ctx context.Context, name, kind, dir string) (addr, secret string, stop func() error, err error) {
	self, err := os.Executable()
	if err != nil {
		return "", "", nil, err
	}
	cmd := exec.CommandContext(ctx, self, "serve", name, kind, dir)
	cmd.Stderr = os.Stderr
	hold, err := cmd.StdinPipe() // its end is the producer's
	if err != nil {
		return "", "", nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", "", nil, err
	}
	stop = func() error { return errors.Join(hold.Close(), cmd.Wait()) }
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return "", "", nil, errors.Join(fmt.Errorf("the producer did not start: %w", err), stop())
	}
	if _, err := fmt.Sscanf(line, "%q %q", &addr, &secret); err != nil {
		return "", "", nil, errors.Join(err, stop())
	}
	return addr, secret, stop, nil
}

// serve is the producer's process. It ends with the reader's, or at its first error.
func serve(ctx context.Context, name, kind, dir string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // ends with the process
		_, _ = os.Stdin.Read(make([]byte, 1)) // until the reader is gone
		cancel()
	}()
	return mover(name).serve(ctx, dir, kind, func(addr, secret string) { fmt.Printf("%q %q\n", addr, secret) })
}
