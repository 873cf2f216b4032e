package streaming

import (
	"context"
	"errors"
	"io"
)

// pump moves bytes between an attempt and its command, in the attempt's own goroutine.
//
// It never waits for the command to read while the command waits to be read: where both can go on, either may. fetch waits
// for the worker alone, and the worker for nothing here: it takes what is sent from a goroutine of its own.
type pump struct {
	ctx   context.Context
	c     *command
	fetch func() ([]byte, error) // more for the command to read; io.EOF: that was all

	next  []byte // what it is to read next; nil: to be fetched
	over  bool   // all has been fetched
	ended bool   // its output has ended
}

// output gives what the command wrote next, some whole units; io.EOF when it has ended well and all input was fetched. The
// units are the caller's.
func (p *pump) output() ([]byte, error) {
	for {
		if err := p.fill(); err != nil {
			return nil, err
		}
		in, out, exited := p.c.in, p.c.out, p.c.exited
		if p.next == nil {
			in = nil
		}
		if p.ended {
			out = nil
		} else {
			exited = nil // its output comes first
		}
		select {
		case in <- p.next:
			p.next = nil
		case units, more := <-out:
			if more {
				return units, nil
			}
			p.ended = true
		case <-exited:
			select {
			case <-p.c.heard:
			case <-p.ctx.Done():
				return nil, context.Cause(p.ctx)
			}
			if err := p.c.ending(); err != nil {
				return nil, err
			}
			return nil, p.drain()
		case <-p.ctx.Done():
			return nil, context.Cause(p.ctx)
		}
	}
}

// fill fetches, if nothing waits to be read.
func (p *pump) fill() error {
	for p.next == nil && !p.over {
		b, err := p.fetch()
		switch {
		case errors.Is(err, io.EOF):
			p.over = true
			close(p.c.in)
		case err != nil:
			return err
		case len(b) > 0:
			p.next = b
		}
	}
	return nil
}

// drain fetches what a command that ended early did not want.
func (p *pump) drain() error {
	for !p.over {
		p.next = nil
		if err := p.fill(); err != nil {
			return err
		}
	}
	return io.EOF
}
