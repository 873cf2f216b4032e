package gen

import (
	"context"
	"io"
	"math/rand/v2"
	"runtime"

	"golang.org/x/sync/errgroup"
)

const (
	// blockSize is a multiple of the size of a record, so that blocks of records are full.
	blockSize = 4_000_000
	// slack is how far a maker may write behind the size it is asked for: the longest line.
	slack = 4096
)

// A maker writes one block: lines until size bytes are full. It is called by several goroutines at once, so what it
// holds is only read. buf has size+slack bytes; the result is the part of it that is written.
type maker func(r *rand.PCG, block int, buf []byte, size int) []byte

// writeBlocks writes about total bytes. Each block has its own seed; they are made in parallel and written in order.
func writeBlocks(ctx context.Context, w io.Writer, total int64, seed uint64, mk maker) error {
	blocks := int((total + blockSize - 1) / blockSize)
	makers := runtime.GOMAXPROCS(0)

	// One buffer a maker and as many on their way to the writer. A maker takes a buffer before it takes a number, so the
	// lowest number that is not written yet always has one.
	free := make(chan []byte, 2*makers)
	for range cap(free) {
		free <- make([]byte, blockSize+slack)
	}
	made := make([]chan []byte, blocks)
	numbers := make(chan int, blocks)
	for b := range made {
		made[b] = make(chan []byte, 1)
		numbers <- b
	}
	close(numbers)

	g, ctx := errgroup.WithContext(ctx)
	for range makers {
		g.Go(func() error {
			for {
				var buf []byte
				select {
				case buf = <-free:
				case <-ctx.Done():
					return ctx.Err()
				}
				b, more := <-numbers
				if !more {
					free <- buf
					return nil
				}
				size := min(blockSize, total-int64(b)*blockSize)
				made[b] <- mk(rand.NewPCG(seed, uint64(b)), b, buf, int(size))
			}
		})
	}
	g.Go(func() error {
		for _, ready := range made {
			select {
			case buf := <-ready:
				if _, err := w.Write(buf); err != nil {
					return err
				}
				free <- buf[:blockSize+slack]
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	return g.Wait()
}

// below gives a number in [0, n), n at most 2^32. The bias is below n/2^32, which no benchmark notices.
func below(r *rand.PCG, n int) int { return int((r.Uint64() >> 32) * uint64(n) >> 32) }
