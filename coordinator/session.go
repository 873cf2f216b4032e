package coordinator

import (
	"errors"
	"io"
	"maps"
	"sync"
	"time"

	"go.uber.org/zap"

	controlv1 "github.com/mrctl/mrctl/api/control/v1"
	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/coordinator/sched"
	"github.com/mrctl/mrctl/internal/errs"
)

// silentBeats is how many heartbeats a worker may miss before it is lost.
const silentBeats = 5

// session is a worker's stream to this leader. The loop owns reg, beat and joined; orders go through a queue of their
// own, so that the loop never waits for a worker.
type session struct {
	id     sched.WorkerID
	reg    *sessionv1.Register
	joined time.Time
	beat   time.Time
	over   bool // this session has been replaced or lost

	mu     sync.Mutex
	queue  []*sessionv1.AttachResponse // guarded by mu; bounded by what the scheduler may order of one worker
	wake   chan struct{}               // capacity 1
	closed chan struct{}
	reason error // set before closed is closed
	once   sync.Once
}

func newSession(reg *sessionv1.Register) *session {
	return &session{id: sched.WorkerID(reg.Worker), reg: reg, joined: time.Now(), beat: time.Now(),
		wake: make(chan struct{}, 1), closed: make(chan struct{})}
}

// send queues an order.
func (s *session) send(m *sessionv1.AttachResponse) {
	s.mu.Lock()
	s.queue = append(s.queue, m)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *session) take() []*sessionv1.AttachResponse {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.queue
	s.queue = nil
	return q
}

func (s *session) close(reason error) {
	s.once.Do(func() { s.reason = reason; close(s.closed) })
}

// join is the scheduler's event for this worker, with what it has of the jobs that live accepts, but for outputs that do not
// count.
func (s *session) join(live func(sched.AttemptID) bool, counts func(*sessionv1.Held) bool) sched.Join {
	e := sched.Join{Worker: s.id, Slots: int(s.reg.Slots)}
	for _, id := range s.reg.Running {
		if a := attemptOf(id); live(a) {
			e.Running = append(e.Running, a)
		}
	}
	for _, h := range s.reg.Held {
		if a := attemptOf(h.Id); live(a) && counts(h) {
			e.Held = append(e.Held, sched.MapOutput{ID: a, Digest: digest(h.Digest)})
		}
	}
	return e
}

// Attach implements sessionv1.SessionServiceServer.
func (s *Server) Attach(stream sessionv1.SessionService_AttachServer) error {
	l := s.leader.Load()
	if l == nil {
		return s.notLeading(stream.Context())
	}
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	reg := first.GetRegister()
	if reg == nil || reg.Worker == "" || reg.Slots == 0 {
		return errs.ToStatus(errs.New(errs.Invalid, "the first message of a worker must register it, with a name and slots"))
	}
	if reg.Protocol != sessionv1.Protocol {
		err := errs.New(errs.Invalid, "worker %s on %s is mrctl %s and speaks protocol %d, this coordinator speaks %d: bring both to one version",
			reg.Worker, reg.Host, reg.Version, reg.Protocol, sessionv1.Protocol)
		s.log.Warn("a worker was refused", zap.Error(err))
		return errs.ToStatus(err)
	}
	if reg.Epoch > l.term.Epoch {
		return errs.ToStatus(errs.New(errs.Fenced, "worker has obeyed epoch %d, this leader has %d", reg.Epoch, l.term.Epoch))
	}
	sess := newSession(reg)
	l.post(func() { l.register(sess) })
	received := make(chan error, 1)
	go func() { received <- errs.Contain(func() error { return l.receive(stream, sess) }) }() // ends with the stream, which ends when this handler returns
	err = l.serve(stream, sess, received)
	l.post(func() { l.disconnected(sess, err) })
	return errs.ToStatus(err)
}

// serve sends queued orders until the session ends.
func (l *leader) serve(stream sessionv1.SessionService_AttachServer, s *session, received <-chan error) error {
	for {
		for _, m := range s.take() {
			m.Epoch = l.term.Epoch
			if err := stream.Send(m); err != nil {
				return errs.FromStatus(err)
			}
		}
		select {
		case <-s.wake:
		case <-s.closed:
			return s.reason
		case err := <-received:
			return err
		case <-l.ended.Done():
			return errs.New(errs.Unavailable, "this coordinator no longer leads")
		}
	}
}

func (l *leader) receive(stream sessionv1.SessionService_AttachServer, s *session) error {
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return errs.FromStatus(err)
		}
		l.post(func() { l.heard(s, m) })
	}
}

// register brings a worker in. A session of the same worker that is still there is replaced. Called in the loop only.
func (l *leader) register(s *session) {
	if old := l.sessions[s.id]; old != nil {
		old.over = true
		old.close(errs.New(errs.Conflict, "worker %s has connected again", s.id))
	}
	l.sessions[s.id] = s
	l.accompanied()
	l.log.Info("worker joined", zap.String("worker", string(s.id)), zap.String("addr", s.reg.ShuffleAddr), zap.Uint32("slots", s.reg.Slots),
		zap.Int("running", len(s.reg.Running)), zap.Int("held", len(s.reg.Held)))
	s.send(&sessionv1.AttachResponse{Kind: &sessionv1.AttachResponse_Welcome{Welcome: &sessionv1.Welcome{
		HeartbeatNanos: int64(l.srv.cfg.Heartbeat), Coordinator: l.srv.cfg.Lease.Holder}}})
	counts := func(h *sessionv1.Held) bool {
		id := attemptOf(h.Id)
		j := l.jobs[id.Job]
		return j != nil && j.fits(id, placeFrom(h.End))
	}
	for _, h := range s.reg.Held {
		if counts(h) {
			l.keepTally(attemptOf(h.Id), h.Tally)
			l.jobs[sched.JobID(h.Id.Job)].keepSample(attemptOf(h.Id), h.Sample)
		}
	}
	l.holdAll(s)
	// What belongs to no live job is forgotten. What belongs to one that is still being loaded the scheduler keeps until
	// it is admitted: telling it then would be a second Join, at which everything else the worker runs counts as lost.
	// A worker that missed the end of a stage has been told nothing of the next: it forgets the job for now.
	gone := map[string]bool{}
	for _, id := range s.reg.Running {
		gone[id.GetJob()] = gone[id.GetJob()] || !l.current(attemptOf(id))
	}
	for _, h := range s.reg.Held {
		gone[h.GetId().GetJob()] = gone[h.GetId().GetJob()] || !l.current(attemptOf(h.Id))
	}
	for id, is := range gone {
		if is {
			s.send(&sessionv1.AttachResponse{Kind: &sessionv1.AttachResponse_Release{Release: &sessionv1.Release{Job: id}}})
		}
	}
	l.step(s.join(l.current, counts))
}

// current reports whether an attempt is of a job that is live, and of the stage that it is at. Called in the loop only.
func (l *leader) current(id sched.AttemptID) bool {
	j := l.jobs[id.Job]
	return j != nil && !j.over && id.Stage == j.stage()
}

// disconnected starts the grace of a worker whose stream broke: it may come back. Called in the loop only.
func (l *leader) disconnected(s *session, err error) {
	if s.over || l.sessions[s.id] != s {
		return
	}
	l.log.Info("worker's stream ended", zap.String("worker", string(s.id)), zap.Error(err))
	if err == nil { // it closed the stream itself: it has drained
		l.lose(s, "it left")
		l.unhold(s.id)
		return
	}
	grace := l.srv.cfg.Heartbeat
	l.group.Go(func() error {
		select {
		case <-time.After(grace):
			l.post(func() { l.lose(s, "its connection broke: "+err.Error()) })
		case <-l.ended.Done():
		}
		return nil
	})
}

// lose is the one place where a worker ends. Called in the loop only.
func (l *leader) lose(s *session, reason string) {
	if s.over || l.sessions[s.id] != s {
		return
	}
	s.over = true
	reason += "; last heard of at " + s.beat.UTC().Format("15:04:05.000")
	s.close(errs.New(errs.Unavailable, "lost: %s", reason))
	delete(l.sessions, s.id)
	l.solitude.since = time.Now()
	l.log.Warn("worker lost", zap.String("worker", string(s.id)), zap.String("reason", reason))
	for _, j := range l.jobs { // what its attempts had done is done again
		maps.DeleteFunc(j.running, func(_ sched.AttemptID, p progress) bool { return p.worker == s.id })
	}
	l.unholdLater(s.id)
	l.step(sched.Lose{Worker: s.id, Reason: reason})
}

// checkSilence loses workers that no longer report. Called in the loop only.
func (l *leader) checkSilence() {
	limit := silentBeats * l.srv.cfg.Heartbeat
	for _, s := range l.sessions {
		if quiet := time.Since(s.beat); quiet > limit {
			l.lose(s, "no heartbeat for "+quiet.Round(time.Millisecond).String())
		}
	}
}

// heard handles one message of a worker. Called in the loop only.
func (l *leader) heard(s *session, m *sessionv1.AttachRequest) {
	if s.over {
		return
	}
	s.beat = time.Now()
	switch k := m.Kind.(type) {
	case *sessionv1.AttachRequest_Heartbeat:
		for _, p := range k.Heartbeat.Attempts {
			l.progressed(s, p)
		}
	case *sessionv1.AttachRequest_Report:
		l.reported(s, k.Report)
	case *sessionv1.AttachRequest_Drain:
		l.step(sched.Drain{Worker: s.id})
	}
}

func (l *leader) progressed(s *session, p *sessionv1.AttemptProgress) {
	id := attemptOf(p.Id)
	j := l.jobs[id.Job]
	if j == nil || !l.current(id) {
		return
	}
	if old, ok := j.running[id]; !ok || p.Records > old.records || p.Bytes > old.bytes || p.Runs > old.runs {
		j.running[id] = progress{s.id, p.Records, p.Bytes, p.Runs}
		e := sched.Progress{ID: id, Landed: int(p.Runs), Done: int64(p.Bytes), Total: int64(p.BytesTotal)}
		if id.Phase == sched.Reduce {
			e.Done, e.Total = int64(p.Records), int64(p.RecordsTotal)
		}
		l.step(e)
		j.log.Touch()
	}
}

// worker describes a session for people. Called in the loop only.
func (s *session) describe(busy int, state string, done, failed int) *controlv1.Worker {
	return &controlv1.Worker{Id: string(s.id), Addr: s.reg.ShuffleAddr, Host: s.reg.Host, Pid: s.reg.Pid, Slots: s.reg.Slots,
		Busy: uint32(busy), Memory: s.reg.Memory, Platform: s.reg.Platform, Labels: s.reg.Labels, State: state,
		JoinedUnixNanos: s.joined.UnixNano(), LastHeartbeatUnixNanos: s.beat.UnixNano(), Version: s.reg.Version,
		AttemptsDone: uint64(done), AttemptsFailed: uint64(failed)}
}
