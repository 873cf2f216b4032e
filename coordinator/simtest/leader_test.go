package simtest

import (
	"context"
	"fmt"
	"time"

	"github.com/mrctl/mrctl/coordinator/lease"
	"github.com/mrctl/mrctl/coordinator/records"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
)

// leader is what a process does while it leads: it takes the jobs there are and writes to their chains.
type leader struct {
	*process
	term lease.Term
	book *records.Book
	d    dice
	jobs []*records.Chain
	n    int // of writes, so that each leaves a trace of its own
}

func (p *process) lead(ctx context.Context, term lease.Term) error {
	w := p.w
	w.check.leads(p.name, term, w.campaign == tampering)
	l := &leader{process: p, term: term, d: roll(w.seed, fmt.Sprint(p.name, term.Epoch))}
	w.mu.Lock()
	w.leaders = append(w.leaders, l)
	w.mu.Unlock()
	valid := term.Valid
	blind := l.d.chance(0.4)
	if blind {
		valid = func() bool { return true }
	}
	l.book = records.Open(p.store, term.Epoch, p.name, valid, w.log)
	for round := 0; ctx.Err() == nil; round++ {
		l.atWork(ctx)
		var err error
		if round%8 == 0 || len(l.jobs) == 0 {
			err = l.look(ctx, blind)
		} else {
			err = l.write(ctx, l.jobs[l.d.IntN(len(l.jobs))], "")
		}
		if errs.Is(err, errs.Fenced) || errs.Is(err, errs.Corrupt) {
			return err
		}
		sleep(ctx, l.d.between(100*time.Millisecond, 2*time.Second))
	}
	return context.Cause(ctx)
}

// atWork is called whenever the leader is about to act upon its leadership. I7: by then its context has ended if its time is up.
func (l *leader) atWork(ctx context.Context) {
	if l.term.Valid() || ctx.Err() != nil {
		return
	}
	sleep(ctx, time.Microsecond) // both happen at the same moment, in some order
	if ctx.Err() == nil {
		l.w.check.violated("I7", "%s is at work in epoch %d after its time", l.name, l.term.Epoch)
	}
}

// look takes what is in the inbox.
func (l *leader) look(ctx context.Context, blind bool) error {
	for id, err := range l.book.Inbox(ctx) {
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, l.d.between(2*time.Second, time.Minute))
		c, err := l.book.Accept(ctx, id)
		cancel()
		if err != nil {
			return err
		}
		if c.Job().Phase.Ended() {
			continue
		}
		l.w.check.claimed(id, l.term.Epoch)
		l.jobs = append(l.jobs, c)
		if blind && l.d.chance(0.5) {
			l.zombie(c)
		}
	}
	return nil
}

// write makes one change to a job and has the checker remember it.
func (l *leader) write(ctx context.Context, c *records.Chain, mark string) error {
	l.n++
	trace := fmt.Sprintf("%s/%d/%s%d", l.name, l.term.Epoch, mark, l.n)
	end := l.d.chance(0.02)
	ctx, cancel := context.WithTimeout(ctx, l.d.between(2*time.Second, time.Minute))
	defer cancel()
	sent := time.Now()
	err := c.Update(ctx, func(j *ledger.Job) {
		j.Warnings = append(j.Warnings, trace)
		if end {
			j.Phase = ledger.Failed
		}
	})
	if err == nil {
		l.w.check.acked(c.ID(), trace, sent)
	}
	if c.Job().Phase.Ended() {
		for i, other := range l.jobs {
			if other == c {
				l.jobs = append(l.jobs[:i], l.jobs[i+1:]...)
				break
			}
		}
		if mark == "" {
			return nil
		}
	}
	return err
}

// zombie goes on writing to a job whatever becomes of the leadership, with pauses longer than a lease lasts.
func (l *leader) zombie(c *records.Chain) {
	z := &leader{process: l.process, term: l.term, book: l.book, d: roll(l.w.seed, fmt.Sprint("zombie", l.name, l.term.Epoch, c.ID()))}
	l.runs.Go(func() {
		for z.ctx.Err() == nil {
			sleep(z.ctx, z.d.between(0, time.Minute))
			if z.ctx.Err() != nil {
				return
			}
			l.w.check.zombies.Add(1)
			if err := z.write(z.ctx, c, "z"); err != nil && !errs.Is(err, errs.Unavailable) && !errs.Is(err, errs.Canceled) {
				return // fenced, or the job has ended
			}
		}
	})
}
