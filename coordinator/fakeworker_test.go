package coordinator

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"google.golang.org/protobuf/encoding/protojson"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/internal/cuts"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/internal/stages"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/output"
)

// worker is a script's end of a session: orders come out of its channels, and the test says what becomes of them.
type worker struct {
	c     *cluster
	id    string
	epoch uint64 // of the leader that welcomed it

	starts   chan *sessionv1.Start
	stops    chan *sessionv1.Stop
	yields   chan *sessionv1.Yield
	acks     chan *sessionv1.AttemptID
	releases chan string
	ended    chan error // how the stream ended

	mu     sync.Mutex
	left   bool                                  // guarded by mu; the stream is closed on this side
	stream sessionv1.SessionService_AttachClient // guarded by mu where it sends
	fed    []*sessionv1.AddSources               // guarded by mu
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// register is what a worker with some slots says of itself.
func register(id string, slots int) *sessionv1.Register {
	return &sessionv1.Register{Worker: id, ShuffleAddr: id + ":1", Slots: uint32(slots), Memory: 1 << 30, Protocol: sessionv1.Protocol, Host: "host", Version: "v"}
}

// open starts a session and does not wait for an answer.
func (c *cluster) open(s *coord, reg *sessionv1.Register) *worker {
	c.t.Helper()
	conn := dial(c.t, s.Addr())
	ctx, cancel := context.WithCancel(context.Background())
	w := &worker{c: c, id: reg.GetWorker(), cancel: cancel, ended: make(chan error, 1),
		yields: make(chan *sessionv1.Yield, 1000), starts: make(chan *sessionv1.Start, 1000), stops: make(chan *sessionv1.Stop, 1000),
		acks: make(chan *sessionv1.AttemptID, 1000), releases: make(chan string, 1000)}
	c.t.Cleanup(func() { w.hangUp(); _ = conn.Close() })
	var err error
	if w.stream, err = sessionv1.NewSessionServiceClient(conn).Attach(ctx); err != nil {
		c.t.Fatal(err)
	}
	w.send(&sessionv1.AttachRequest{Kind: &sessionv1.AttachRequest_Register{Register: reg}})
	return w
}

// join starts a session and waits for the welcome. The worker sends heartbeats as it is told to.
func (c *cluster) join(s *coord, reg *sessionv1.Register) *worker {
	c.t.Helper()
	w := c.joinSilently(s, reg)
	w.done.Go(w.beat)
	return w
}

// joinSilently is join without heartbeats.
func (c *cluster) joinSilently(s *coord, reg *sessionv1.Register) *worker {
	c.t.Helper()
	w := c.open(s, reg)
	m, err := w.stream.Recv()
	if err != nil || m.GetWelcome() == nil {
		c.t.Fatalf("worker %s is not welcome: %v, %v", w.id, m, err)
	}
	w.epoch = m.Epoch
	w.done.Go(w.receive)
	return w
}

// worker is join with a plain registration.
func (c *cluster) worker(s *coord, id string, slots int) *worker {
	return c.join(s, register(id, slots))
}

// hangUp breaks the stream, as the death of the worker would.
func (w *worker) hangUp() {
	w.cancel()
	w.done.Wait()
}

// leave closes the stream as a worker does that has drained.
func (w *worker) leave() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.left = true
	_ = w.stream.CloseSend()
}

func (w *worker) send(m *sessionv1.AttachRequest) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.left { // a heartbeat after the end would break the stream
		_ = w.stream.Send(m) // receive learns why it failed
	}
}

func (w *worker) beat() {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			w.send(&sessionv1.AttachRequest{Kind: &sessionv1.AttachRequest_Heartbeat{Heartbeat: &sessionv1.Heartbeat{}}})
		case <-w.stream.Context().Done():
			return
		}
	}
}

func (w *worker) receive() {
	for {
		m, err := w.stream.Recv()
		if err != nil {
			w.ended <- errs.FromStatus(err)
			w.cancel()
			return
		}
		switch k := m.Kind.(type) {
		case *sessionv1.AttachResponse_Start:
			w.starts <- k.Start
		case *sessionv1.AttachResponse_AddSources:
			w.mu.Lock()
			w.fed = append(w.fed, k.AddSources)
			w.mu.Unlock()
		case *sessionv1.AttachResponse_Stop:
			w.stops <- k.Stop
		case *sessionv1.AttachResponse_Yield:
			w.yields <- k.Yield
		case *sessionv1.AttachResponse_Ack:
			w.acks <- k.Ack.Id
		case *sessionv1.AttachResponse_Release:
			w.releases <- k.Release.Job
		}
	}
}

// next is the order to start an attempt that must come next.
func (w *worker) next(what string) *sessionv1.Start {
	w.c.t.Helper()
	o := await(w.c, "an order to start "+what, w.starts)
	if got := label(o.Id); !strings.HasPrefix(got, what) {
		w.c.t.Fatalf("worker %s was told to start %s, want %s", w.id, got, what)
	}
	return o
}

func label(id *sessionv1.AttemptID) string {
	return fmt.Sprintf("%s.%d", taskName(attemptOf(id).TaskID), id.Attempt)
}

func (w *worker) report(r *sessionv1.Report) {
	w.send(&sessionv1.AttachRequest{Kind: &sessionv1.AttachRequest_Report{Report: r}})
}

// mapped is the report of a good map attempt.
func mapped(id *sessionv1.AttemptID) *sessionv1.Report {
	return &sessionv1.Report{Id: id, Outcome: sessionv1.Report_OUTCOME_DONE, Digest: fmt.Appendf(nil, "digest-%09d", id.Task),
		Tally:  &sessionv1.Tally{RecordsIn: 1, BytesIn: 32, PairsOut: 8, User: map[string]int64{"lines": 1}},
		Sample: cuts.Sample{Keys: [][]byte{fmt.Appendf(nil, "key-%d", id.Task)}, Bytes: []int64{32}}.Encode()}
}

// held is what a worker says it holds after a good map attempt.
func held(id *sessionv1.AttemptID) *sessionv1.Held {
	r := mapped(id)
	return &sessionv1.Held{Id: id, Digest: r.Digest, Tally: r.Tally, Sample: r.Sample}
}

// failed is the report of a bad attempt.
func failed(id *sessionv1.AttemptID, kind errs.Kind, text string) *sessionv1.Report {
	return &sessionv1.Report{Id: id, Outcome: sessionv1.Report_OUTCOME_FAILED, ErrorKind: uint32(kind), Error: text}
}

// maps runs the next n map attempts well.
func (w *worker) maps(n int) {
	w.c.t.Helper()
	for range n {
		w.report(mapped(w.next("map/").Id))
	}
}

// reduces runs the next n reduce attempts well.
func (w *worker) reduces(n int) {
	w.c.t.Helper()
	for range n {
		w.reduce(w.next("reduce/"))
	}
}

// reduce does what a reduce attempt does: it stages a part, creates the record of its task and reports.
func (w *worker) reduce(o *sessionv1.Start) *sessionv1.Report {
	w.c.t.Helper()
	w.record(o)
	r := &sessionv1.Report{Id: o.Id, Outcome: sessionv1.Report_OUTCOME_DONE}
	w.report(r)
	return r
}

// record stages the part of a reduce attempt and creates its record.
func (w *worker) record(o *sessionv1.Start) ledger.TaskRecord {
	w.c.t.Helper()
	return w.recordIn(o, w.c.out)
}

// recordIn is record for an output of the job's own.
func (w *worker) recordIn(o *sessionv1.Start, store storage.Store) ledger.TaskRecord {
	w.c.t.Helper()
	inputs := w.sources(o)
	o.Maps = uint32(len(inputs)) // tails may have been added
	won, err := recordWinner(w.c.ctx, w.c.store, store, w.id, o, inputs)
	if err != nil {
		w.c.t.Fatal(err)
	}
	return won
}

// recordWinner stages the parts of an attempt of the last phase and creates its record. Each has one row, which names its
// generation; that of the result says the same in all, where there are named outputs too.
func recordWinner(ctx context.Context, records, out storage.Store, worker string, o *sessionv1.Start, inputs map[uint32]ledger.Input) (none ledger.TaskRecord, err error) {
	j, err := ledger.ReadJob(ctx, records, o.Id.Job)
	if err != nil {
		return none, err
	}
	format := output.TSV
	if int(o.Id.Stage) < len(j.Spec.Then) {
		format = output.Arrow
	}
	if out, err = stages.Output(records, j.Spec, o.Id.Job, int(o.Id.Stage), func() (storage.Store, error) { return out, nil }); err != nil {
		return none, err
	}
	about, err := stages.Describe(j.Spec, int(o.Id.Stage))
	if err != nil {
		return none, err
	}
	var parts []ledger.Part
	for _, name := range append([]string{""}, outputNames(about)...) {
		text := "gen " + fmt.Sprint(o.Id.Gen)
		if name == "" && len(about.Outputs) > 0 {
			text = "any gen"
		}
		p, err := stagePart(ctx, out, output.NamedPart(name, int(o.Id.Task), format), format, text)
		if err != nil {
			return none, err
		}
		parts = append(parts, p)
	}
	counted := &sessionv1.Tally{RowsOut: 1, BytesOut: uint64(parts[0].Bytes)}
	if o.Id.Phase == sessionv1.AttemptID_PHASE_MAP {
		counted = mapped(o.Id).Tally
	}
	tally, err := protojson.Marshal(counted)
	if err != nil {
		return none, err
	}
	rec := ledger.TaskRecord{
		Job: o.Id.Job, Stage: int(o.Id.Stage), Phase: phaseOf(attemptOf(o.Id).Phase), Gen: int32(o.Id.Gen), Task: int(o.Id.Task), Attempt: int32(o.Id.Attempt), Worker: worker,
		Part: &parts[0], Named: parts[1:], Tally: tally, Staged: time.Now(),
	}
	if rec.Phase == ledger.Reduce {
		rec.Inputs = make(ledger.Inputs, o.Maps)
	}
	for task, src := range inputs {
		rec.Inputs[task] = src
	}
	won, _, err := ledger.CreateTask(ctx, records, rec)
	return won, err
}

func outputNames(s *pluginv1.Stage) (names []string) {
	for _, o := range s.GetOutputs() {
		names = append(names, o.GetName())
	}
	return names
}

func stagePart(ctx context.Context, out storage.Store, key string, format output.Format, text string) (ledger.Part, error) {
	schema := arrow.NewSchema([]arrow.Field{{Name: "word", Type: arrow.BinaryTypes.String}}, nil)
	p, err := output.NewPart(ctx, out, key, format, schema, nil)
	if err != nil {
		return ledger.Part{}, err
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	b.Field(0).(*array.StringBuilder).Append(text)
	if err := p.Write(b.NewRecordBatch()); err != nil {
		return ledger.Part{}, err
	}
	s, err := p.Stage(ctx)
	return ledger.Part{Key: s.Key, Token: s.Token, Rows: s.Rows, Bytes: s.Bytes, CRC: s.CRC}, err
}

// sources waits until a reduce attempt has been told where the runs of all maps lie.
func (w *worker) sources(o *sessionv1.Start) map[uint32]ledger.Input {
	w.c.t.Helper()
	all := map[uint32]ledger.Input{}
	maps := o.Maps
	add := func(sources []*sessionv1.Source) {
		for _, src := range sources {
			for i, task := range src.Tasks {
				all[task] = ledger.Input{Attempt: int32(src.Attempts[i]), Digest: hex.EncodeToString(src.Digests[i])}
			}
		}
	}
	w.c.until("all sources of "+label(o.Id), func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		clear(all)
		add(o.Sources)
		for _, m := range w.fed {
			if m.Id.Job == o.Id.Job && label(m.Id) == label(o.Id) {
				for _, task := range m.Gone {
					delete(all, task)
				}
				add(m.Sources)
				maps = max(maps, m.Maps)
			}
		}
		return len(all) == int(maps)
	})
	return all
}

// acked waits until the end of an attempt has been acknowledged.
func (w *worker) acked(id *sessionv1.AttemptID) {
	w.c.t.Helper()
	for got := ""; got != label(id); {
		got = label(await(w.c, "the acknowledgement of "+label(id), w.acks))
	}
}
