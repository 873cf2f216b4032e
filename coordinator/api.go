package coordinator

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	controlv1 "github.com/mrctl/mrctl/api/control/v1"
	"github.com/mrctl/mrctl/coordinator/sched"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/jobs/spec"
	"github.com/mrctl/mrctl/storage"
)

// leading gives the leadership, or the error that says who leads.
func (s *Server) leading(ctx context.Context) (*leader, error) {
	if l := s.leader.Load(); l != nil {
		return l, nil
	}
	return nil, s.notLeading(ctx)
}

// Submit implements controlv1.ControlServiceServer.
func (s *Server) Submit(ctx context.Context, r *controlv1.SubmitRequest) (*controlv1.SubmitResponse, error) {
	l, err := s.leading(ctx)
	if err != nil {
		return nil, err
	}
	var j spec.Job
	if err := json.Unmarshal(r.Spec, &j); err != nil {
		return nil, errs.ToStatus(errs.E(errs.Invalid, "job spec", "", err))
	}
	if err := j.WithDefaults().Check(); err != nil {
		return nil, errs.ToStatus(err)
	}
	id := ledger.JobIDFor(j)
	if err := ledger.SubmitInbox(ctx, s.cfg.Store, id, j); err != nil {
		return nil, errs.ToStatus(err)
	}
	l.poke()
	return &controlv1.SubmitResponse{Job: id}, nil
}

// Nudge implements controlv1.ControlServiceServer.
func (s *Server) Nudge(ctx context.Context, _ *controlv1.NudgeRequest) (*controlv1.NudgeResponse, error) {
	l, err := s.leading(ctx)
	if err != nil {
		return nil, err
	}
	l.poke()
	return &controlv1.NudgeResponse{}, nil
}

func (l *leader) poke() {
	select {
	case l.nudge <- struct{}{}:
	default:
	}
}

// find resolves an id or the unique start of one among the jobs in memory. Called in the loop only.
func (l *leader) find(id string) (*job, error) {
	if j := l.jobs[sched.JobID(id)]; j != nil {
		return j, nil
	}
	var found *job
	for k, j := range l.jobs {
		if len(id) >= 4 && strings.HasPrefix(string(k), id) {
			if found != nil {
				return nil, errs.New(errs.Invalid, "%q begins the ids of several jobs", id)
			}
			found = j
		}
	}
	return found, nil
}

// lookup gives the status of a job, live or ended.
func (s *Server) lookup(ctx context.Context, id string) (st *controlv1.JobStatus, live *job, err error) {
	l, err := s.leading(ctx)
	if err != nil {
		return nil, nil, err
	}
	var bad error
	if err := l.ask(ctx, func() {
		if live, bad = l.find(id); live != nil {
			st = l.status(live)
		}
	}); err != nil {
		return nil, nil, errs.ToStatus(err)
	}
	if bad != nil {
		return nil, nil, errs.ToStatus(bad)
	}
	if live != nil {
		return st, live, nil
	}
	full, err := ledger.ResolveJobID(ctx, s.cfg.Store, id)
	if err != nil {
		return nil, nil, errs.ToStatus(err)
	}
	rec, err := ledger.ReadJob(ctx, s.cfg.Store, full)
	if err != nil {
		return nil, nil, errs.ToStatus(err)
	}
	return recordStatus(rec), nil, nil
}

// accepted is lookup for who must not miss a job that is on its way from the inbox into this leader's hands: it waits
// until the job is there, or has ended.
func (s *Server) accepted(ctx context.Context, id string) (*controlv1.JobStatus, *job, error) {
	for {
		l, err := s.leading(ctx)
		if err != nil {
			return nil, nil, err
		}
		_, arrived := l.arrivals.After(^uint64(0))
		st, j, err := s.lookup(ctx, id)
		if err != nil || j != nil || st.Phase >= controlv1.JobStatus_PHASE_DONE {
			return st, j, err
		}
		l.poke()
		select {
		case <-arrived:
		case <-time.After(time.Second):
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
	}
}

// Get implements controlv1.ControlServiceServer.
func (s *Server) Get(ctx context.Context, r *controlv1.GetRequest) (*controlv1.GetResponse, error) {
	st, _, err := s.lookup(ctx, r.Job)
	if err != nil {
		return nil, err
	}
	return &controlv1.GetResponse{Status: st}, nil
}

// List implements controlv1.ControlServiceServer.
func (s *Server) List(ctx context.Context, r *controlv1.ListRequest) (*controlv1.ListResponse, error) {
	l, err := s.leading(ctx)
	if err != nil {
		return nil, err
	}
	limit := int(r.Limit)
	if limit == 0 {
		limit = 100
	}
	live := map[string]*controlv1.JobStatus{}
	if err := l.ask(ctx, func() {
		for id, j := range l.jobs {
			live[string(id)] = l.status(j)
		}
	}); err != nil {
		return nil, errs.ToStatus(err)
	}
	if r.LiveOnly {
		return &controlv1.ListResponse{Jobs: newestLive(live, r.After, limit)}, nil
	}
	ids, err := newest(ctx, s.cfg.Store, r.After, limit)
	if err != nil {
		return nil, errs.ToStatus(err)
	}
	out := &controlv1.ListResponse{}
	for _, id := range ids {
		st := live[id]
		if st == nil {
			rec, err := ledger.ReadJob(ctx, s.cfg.Store, id)
			if errs.Is(err, errs.NotFound) {
				continue // it has been swept since the listing
			}
			if err != nil {
				return nil, errs.ToStatus(err)
			}
			st = recordStatus(rec)
		}
		out.Jobs = append(out.Jobs, st)
	}
	return out, nil
}

// newestLive gives what has not ended of jobs, the newest first. However many have ended since, it is all there.
func newestLive(jobs map[string]*controlv1.JobStatus, before string, n int) []*controlv1.JobStatus {
	var out []*controlv1.JobStatus
	for id, st := range jobs {
		if st.Phase < controlv1.JobStatus_PHASE_DONE && (before == "" || id < before) {
			out = append(out, st)
		}
	}
	slices.SortFunc(out, func(a, b *controlv1.JobStatus) int { return strings.Compare(b.Id, a.Id) })
	return out[:min(n, len(out))]
}

// newest gives the last n ids below before ("": no bound), the newest first: ids sort by time.
func newest(ctx context.Context, store storage.Store, before string, n int) ([]string, error) {
	var last []string
	for id, err := range ledger.JobIDs(ctx, store, "") {
		if err != nil {
			return nil, err
		}
		if before != "" && id >= before {
			break
		}
		if last = append(last, id); len(last) > 2*n {
			last = append(last[:0], last[len(last)-n:]...)
		}
	}
	last = last[max(0, len(last)-n):]
	slices.Reverse(last)
	return last, nil
}

// watchPause keeps a watcher of a busy job from being told of every record.
const watchPause = 100 * time.Millisecond

// Watch implements controlv1.ControlServiceServer.
func (s *Server) Watch(r *controlv1.WatchRequest, stream controlv1.ControlService_WatchServer) error {
	ctx := stream.Context()
	seq := r.AfterEvent
	for {
		st, j, err := s.accepted(ctx, r.Job)
		if err != nil {
			return err
		}
		m := &controlv1.WatchResponse{Status: st}
		if j == nil {
			return stream.Send(m)
		}
		happened, changed := j.log.After(seq)
		if r.Events {
			for _, e := range happened {
				m.Events = append(m.Events, &controlv1.Event{Seq: e.Seq, UnixNanos: e.Time.UnixNano(), Kind: e.Kind, Task: e.Task,
					Attempt: uint32(e.Attempt), Worker: e.Worker, Text: e.Text})
				seq = e.Seq
			}
		}
		if err := stream.Send(m); err != nil {
			return err
		}
		if st.Phase >= controlv1.JobStatus_PHASE_DONE {
			return nil
		}
		select {
		case <-changed:
		case <-time.After(time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
		if st.Phase == controlv1.JobStatus_PHASE_RUNNING {
			if err := s.pause(ctx, j); err != nil {
				return err
			}
		}
	}
}

// pause waits a moment between two messages of a watch, less when the job is over.
func (s *Server) pause(ctx context.Context, j *job) error {
	deadline := time.After(watchPause)
	for {
		if j.chain.Job().Phase.Ended() {
			return nil
		}
		_, changed := j.log.After(^uint64(0))
		select {
		case <-deadline:
			return nil
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Cancel implements controlv1.ControlServiceServer.
func (s *Server) Cancel(ctx context.Context, r *controlv1.CancelRequest) (*controlv1.CancelResponse, error) {
	for asked := false; ; {
		st, j, err := s.accepted(ctx, r.Job)
		if err != nil {
			return nil, err
		}
		if j == nil || st.Phase >= controlv1.JobStatus_PHASE_DONE {
			return &controlv1.CancelResponse{Status: st}, nil
		}
		_, changed := j.log.After(^uint64(0))
		if !asked {
			asked = true
			l, err := s.leading(ctx)
			if err != nil {
				return nil, err
			}
			if err := l.ask(ctx, func() { l.cancel(j, r.Reason) }); err != nil {
				return nil, errs.ToStatus(err)
			}
		}
		select {
		case <-changed:
		case <-time.After(time.Second):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// cancel ends a job. One that has not been admitted yet is ended directly. Called in the loop only.
func (l *leader) cancel(j *job, reason string) {
	if reason == "" {
		reason = "cancelled"
	}
	j.cancelled = reason // where it is at the end of a stage, the next one does not begin
	if j.admitted {
		l.step(sched.Cancel{Job: j.id, Reason: reason})
	}
}

// Logs implements controlv1.ControlServiceServer.
func (s *Server) Logs(r *controlv1.LogsRequest, stream controlv1.ControlService_LogsServer) error {
	st, _, err := s.lookup(stream.Context(), r.Job)
	if err != nil {
		return err
	}
	for entry, err := range ledger.Logs(stream.Context(), s.cfg.Store, st.Id, r.Task) {
		if err != nil {
			return errs.ToStatus(err)
		}
		if err := stream.Send(&controlv1.LogsResponse{Task: entry.Name, Text: entry.Text}); err != nil {
			return err
		}
	}
	return nil
}

// Workers implements controlv1.ControlServiceServer.
func (s *Server) Workers(ctx context.Context, _ *controlv1.WorkersRequest) (*controlv1.WorkersResponse, error) {
	l, err := s.leading(ctx)
	if err != nil {
		return nil, err
	}
	out := &controlv1.WorkersResponse{}
	err = l.ask(ctx, func() {
		for _, w := range l.sched.Workers() {
			if sess := l.sessions[w.ID]; sess != nil {
				state := "ready"
				if w.Draining {
					state = "draining"
				} else if w.Probation {
					state = "probation"
				}
				out.Workers = append(out.Workers, sess.describe(w.Busy, state, w.Done, w.Failed))
			}
		}
	})
	return out, errs.ToStatus(err)
}

// Leader implements controlv1.ControlServiceServer.
func (s *Server) Leader(ctx context.Context, _ *controlv1.LeaderRequest) (*controlv1.LeaderResponse, error) {
	l, err := s.leading(ctx)
	if err != nil {
		return nil, err
	}
	return &controlv1.LeaderResponse{Holder: s.cfg.Lease.Holder, Addr: s.cfg.Advertise, Epoch: l.term.Epoch,
		SinceUnixNanos: l.since.UnixNano(), Version: s.cfg.Version}, nil
}
