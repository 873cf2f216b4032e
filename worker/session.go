package worker

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"time"

	"go.uber.org/zap"

	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/internal/dial"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/frame"
	"github.com/mrctl/mrctl/internal/ledger"
)

const (
	firstPause   = 10 * time.Millisecond // before looking for a leader again
	longestPause = 2 * time.Second
	refusedPause = 15 * time.Second // after a leader has taken this worker for none that it can work with
	// For a while after a leader is lost another one is about to lead, and work waits for it.
	eagerPause = 400 * time.Millisecond
	eagerFor   = 30 * time.Second
	parting    = 200 * time.Millisecond // for saying goodbye to a leader
)

// sessions attaches to one leader after the other until ctx ends.
func (a *Agent) sessions(ctx context.Context) {
	pause, lost := firstPause, time.Time{} // lost: when the last real session ended
	known := a.cfg.Leader                  // tried once: who leads next says the lease
	for ctx.Err() == nil {
		began := time.Now()
		addr, err := known, error(nil)
		if known == "" {
			addr, err = a.findLeader(ctx)
		}
		known = ""
		if err == nil {
			err = a.attach(ctx, addr)
		}
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > longestPause {
			pause, lost = firstPause, time.Now() // it was a real session
		}
		log := a.log.Debug
		if errs.Is(err, errs.Invalid) { // a leader has refused this worker, and will as long as it leads
			log, pause = a.log.Warn, refusedPause
		}
		log("no session with a leader", zap.String("addr", addr), zap.Error(err))
		select {
		case <-time.After(pause/2 + rand.N(pause)):
		case <-ctx.Done():
		}
		pause = longer(pause, time.Since(lost))
	}
}

// longer is the pause after pause, when the last leader was lost so long ago.
func longer(pause, since time.Duration) time.Duration {
	if since < eagerFor {
		return min(2*pause, eagerPause)
	}
	return min(2*pause, longestPause)
}

func (a *Agent) findLeader(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	rec, err := ledger.ReadLease(ctx, a.cfg.Store)
	if err != nil {
		return "", fmt.Errorf("find the leader: %w", err)
	}
	if rec.Free || rec.Addr == "" {
		return "", errs.New(errs.Unavailable, "find the leader: the lease is free")
	}
	return rec.Addr, nil
}

// attach is one session with a leader: register, then orders down, reports and heartbeats up.
func (a *Agent) attach(ctx context.Context, addr string) error {
	conn, err := dial.Coordinator(addr, a.cfg.TLS.Client(), frame.MaxMessage)
	if err != nil {
		return fmt.Errorf("dial leader %s: %w", addr, err)
	}
	defer func() { _ = conn.Close() }() // the stream's error is the one to tell
	// The stream outlives ctx for a moment: a worker that ends says so, instead of being missed.
	streamCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(parting, cancel) })()
	stream, err := sessionv1.NewSessionServiceClient(conn).Attach(streamCtx)
	if err != nil {
		return errs.FromStatus(err)
	}
	if err := stream.Send(&sessionv1.AttachRequest{Kind: &sessionv1.AttachRequest_Register{Register: a.register()}}); err != nil {
		return errs.FromStatus(err)
	}
	welcome, err := stream.Recv()
	if err != nil {
		return errs.FromStatus(err)
	}
	w := welcome.GetWelcome()
	if w == nil || !a.obey(welcome.Epoch) {
		return errs.New(errs.Fenced, "leader %s of epoch %d: a later one has been obeyed", addr, welcome.Epoch)
	}
	a.log.Info("attached", zap.String("leader", addr), zap.Uint64("epoch", welcome.Epoch))
	received := make(chan error, 1)
	var receiving sync.WaitGroup
	receiving.Go(func() { received <- a.receive(stream) })
	// No order of this session is obeyed after it: not beside those of the next, and none once Run waits for attempts.
	defer receiving.Wait()
	defer cancel()
	return a.talk(ctx, stream, time.Duration(w.HeartbeatNanos), received)
}

// obey notes an epoch; false means it is older than one obeyed before.
func (a *Agent) obey(epoch uint64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if epoch < a.epoch {
		return false
	}
	a.epoch = epoch
	return true
}

func (a *Agent) register() *sessionv1.Register {
	host, _ := os.Hostname() // for people only
	a.mu.Lock()
	defer a.mu.Unlock()
	r := &sessionv1.Register{Worker: a.id, ShuffleAddr: a.cfg.Advertise, Slots: uint32(a.cfg.Slots), Memory: uint64(a.cfg.Memory),
		Platform: runtime.GOOS + "/" + runtime.GOARCH, Labels: a.cfg.Labels, Protocol: sessionv1.Protocol, Epoch: a.epoch,
		Host: host, Pid: int64(os.Getpid()), Version: a.cfg.Version}
	for _, at := range a.attempts {
		r.Running = append(r.Running, at.id)
	}
	for _, h := range a.held {
		r.Held = append(r.Held, h.wire)
	}
	// An attempt whose end has not been acknowledged still counts as running: its report follows at once.
	for k, rep := range a.reports {
		if _, isHeld := a.held[k]; !isHeld {
			r.Running = append(r.Running, rep.Id)
		}
	}
	return r
}

func (a *Agent) receive(stream sessionv1.SessionService_AttachClient) error {
	for {
		m, err := stream.Recv()
		if err != nil {
			return errs.FromStatus(err)
		}
		if !a.obey(m.Epoch) {
			return errs.New(errs.Fenced, "order of epoch %d: a later one has been obeyed", m.Epoch)
		}
		switch k := m.Kind.(type) {
		case *sessionv1.AttachResponse_Start:
			a.start(k.Start)
		case *sessionv1.AttachResponse_AddSources:
			a.addSources(k.AddSources)
		case *sessionv1.AttachResponse_Stop:
			a.stop(k.Stop)
		case *sessionv1.AttachResponse_Yield:
			a.yield(k.Yield)
		case *sessionv1.AttachResponse_Release:
			a.release(k.Release.Job)
		case *sessionv1.AttachResponse_Ack:
			a.acknowledged(k.Ack.Id)
		}
	}
}

// talk sends reports as they come up and heartbeats between them.
func (a *Agent) talk(ctx context.Context, stream sessionv1.SessionService_AttachClient, every time.Duration, received <-chan error) error {
	tick := time.NewTicker(max(every, 10*time.Millisecond))
	defer tick.Stop()
	sent := map[*sessionv1.Report]time.Time{} // in this session
	drained := false
	for {
		for _, r := range a.unsent(sent, 4*every) {
			if err := stream.Send(&sessionv1.AttachRequest{Kind: &sessionv1.AttachRequest_Report{Report: r}}); err != nil {
				return a.streamError(err, received)
			}
		}
		if a.isDraining() && !drained {
			drained = true
			if err := stream.Send(&sessionv1.AttachRequest{Kind: &sessionv1.AttachRequest_Drain{Drain: &sessionv1.Drain{}}}); err != nil {
				return a.streamError(err, received)
			}
		}
		select {
		case <-a.changed:
		case <-tick.C:
			if err := stream.Send(&sessionv1.AttachRequest{Kind: &sessionv1.AttachRequest_Heartbeat{Heartbeat: a.heartbeat()}}); err != nil {
				return a.streamError(err, received)
			}
		case err := <-received:
			return err
		case <-ctx.Done():
			if err := stream.CloseSend(); err == nil {
				<-received // the leader ends the stream, or parting does
			}
			return ctx.Err()
		}
	}
}

// streamError prefers what the receiving side learned: a failed Send says only that the stream is over.
func (a *Agent) streamError(err error, received <-chan error) error {
	select {
	case r := <-received:
		return r
	case <-time.After(time.Second):
		return errs.FromStatus(err)
	}
}

// unsent gives the reports that this session has not sent, or sent long ago without an answer.
func (a *Agent) unsent(sent map[*sessionv1.Report]time.Time, again time.Duration) []*sessionv1.Report {
	a.mu.Lock()
	defer a.mu.Unlock()
	maps.DeleteFunc(sent, func(r *sessionv1.Report, _ time.Time) bool { return a.reports[keyOf(r.Id)] != r })
	var out []*sessionv1.Report
	for _, r := range a.reports {
		if at, ok := sent[r]; !ok || time.Since(at) > again {
			sent[r] = time.Now()
			out = append(out, r)
		}
	}
	return out
}

func (a *Agent) isDraining() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.draining
}

func (a *Agent) heartbeat() *sessionv1.Heartbeat {
	a.mu.Lock()
	defer a.mu.Unlock()
	h := &sessionv1.Heartbeat{}
	for _, at := range a.attempts {
		h.Attempts = append(h.Attempts, &sessionv1.AttemptProgress{Id: at.id,
			Records: uint64(at.records.Load()), Bytes: at.done(), BytesTotal: uint64(at.total.Load()),
			RecordsTotal: uint64(at.rows.Load()), Runs: uint32(at.sources.Landed())})
	}
	return h
}
