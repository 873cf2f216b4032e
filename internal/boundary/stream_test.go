package boundary

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/codec"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/rows"
	"github.com/mrctl/mrctl/internal/shm"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a Program of two functions.
type fake struct {
	mapf    func(port MapPort) (*pluginv1.Counters, error)
	reducef func(port ReducePort) (*pluginv1.Counters, error)
}

var outSchema = arrow.NewSchema([]arrow.Field{{Name: "word", Type: arrow.BinaryTypes.String}, {Name: "n", Type: arrow.PrimitiveTypes.Int64}}, nil)

func (f fake) Describe() *pluginv1.Stage {
	keys, _ := codec.MarshalSchema(arrow.NewSchema([]arrow.Field{{Name: "key", Type: arrow.BinaryTypes.String}}, nil))
	out, _ := codec.MarshalSchema(outSchema)
	return &pluginv1.Stage{Name: "fake", KeySchema: keys, OutputSchema: out}
}

func (f fake) Map(_ context.Context, _ *pluginv1.MapStart, port MapPort) (*pluginv1.Counters, error) {
	return f.mapf(port)
}

func (f fake) Reduce(_ context.Context, _ *pluginv1.ReduceStart, port ReducePort) (*pluginv1.Counters, error) {
	return f.reducef(port)
}

// wire is a plugin, as a worker reaches it.
type wire struct {
	pluginv1.PluginServiceClient
	shared *Segments // nil: everything goes by the stream
}

// carrier is a way for batches to go.
type carrier struct {
	name    string
	segment int // bytes of a shared segment; 0: by the stream
	inside  bool
}

// carriers are all of them: the second is what is usual, the third has batches that fit a segment and some that do not.
var carriers = []carrier{
	{name: "stream"}, {name: "segments", segment: SegmentSize}, {name: "small segments", segment: 4096}, {name: "in process", inside: true},
}

// onEach runs a test over every carrier.
func onEach(t *testing.T, f func(t *testing.T, c carrier)) {
	for _, c := range carriers {
		t.Run(c.name, func(t *testing.T) { f(t, c) })
	}
}

// serve runs a server and gives a client of it.
func (c carrier) serve(t testing.TB, s *Server) wire {
	t.Helper()
	var w wire
	if c.inside {
		inside := NewInProcess(s)
		t.Cleanup(inside.Wait)
		return wire{PluginServiceClient: inside}
	}
	if c.segment > 0 {
		var err error
		if w.shared, err = NewSegments(2, c.segment); err != nil {
			t.Fatal(err)
		}
		theirs, err := w.shared.Region().Again()
		if err != nil {
			t.Fatal(err)
		}
		s.Share(func() (*shm.Region, error) { return theirs, nil })
		t.Cleanup(func() {
			w.shared.Close()
			_ = theirs.Close()
		})
	}
	w.PluginServiceClient = serve(t, s)
	if c.segment > 0 {
		d, err := w.Describe(t.Context(), &pluginv1.DescribeRequest{Protocols: []uint32{Protocol}, Abilities: []string{Memfd}})
		if err != nil || !slices.Contains(d.GetAbilities(), Memfd) {
			t.Fatalf("shares nothing: %v, %v", d, err)
		}
	}
	return w
}

func serve(t testing.TB, s pluginv1.PluginServiceServer) pluginv1.PluginServiceClient {
	t.Helper()
	dir, err := os.MkdirTemp("", "mrb-") // the test's own would be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	lis, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	server := NewGRPCServer([]grpc.ServerOption{grpc.WaitForHandlers(true)})
	pluginv1.RegisterPluginServiceServer(server, s)
	done := make(chan error, 1)
	go func() { done <- server.Serve(lis) }()
	conn, err := grpc.NewClient("unix:"+lis.Addr().String(), append(DialOptions(), grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		server.Stop()
		<-done
		_ = os.RemoveAll(dir)
	})
	return pluginv1.NewPluginServiceClient(conn)
}

func (f fake) serve(t testing.TB, c carrier) wire {
	return c.serve(t, NewServer(&pluginv1.DescribeResponse{Protocol: Protocol, Stages: []*pluginv1.Stage{f.Describe()}}, f))
}

// echo emits each record as a key, with its batch and row as the value.
func echo(port MapPort) (*pluginv1.Counters, error) {
	c := &pluginv1.Counters{}
	for {
		in, err := port.Recv()
		if errors.Is(err, io.EOF) {
			return c, nil
		}
		if err != nil {
			return nil, err
		}
		p := &Pairs{}
		for i := range in.Len() {
			p.Append(in.Data[in.Off[i]:in.Off[i+1]], fmt.Appendf(nil, "%d.%d", in.Number, i))
			c.RecordsIn++
		}
		if err := errors.Join(port.Send(p), port.Progress(c.RecordsIn)); err != nil {
			return nil, err
		}
	}
}

// drive sends the batches and receives until the end.
func drive(t *testing.T, s *MapStream, batches ...*rows.Records) (got []*Pairs, sendErr, err error) {
	t.Helper()
	sent := make(chan error, 1)
	go func() {
		for _, b := range batches {
			to := s.Buffer(len(b.Data))
			if to == nil {
				sent <- s.Send(t.Context(), b) // the stream has ended
				return
			}
			to.Data, to.Off, to.Origins = append(to.Data, b.Data...), append(to.Off, b.Off...), b.Origins
			if err := s.Send(t.Context(), to); err != nil {
				sent <- err
				return
			}
		}
		sent <- s.CloseSend()
	}()
	for {
		p, err := s.Recv()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return got, <-sent, err
		}
		own := *p
		own.KeyOff, own.Keys = slices.Clone(p.KeyOff), slices.Clone(p.Keys)
		own.ValOff, own.Vals = slices.Clone(p.ValOff), slices.Clone(p.Vals)
		got = append(got, &own)
	}
}

func records(lines ...string) *rows.Records {
	r := &rows.Records{Off: []int32{0}, Origins: []rows.Origin{{Object: "file:///in", Offset: 100}}}
	for _, l := range lines {
		r.Data = append(r.Data, l...)
		r.Off = append(r.Off, int32(len(r.Data)))
	}
	return r
}

func start(t testing.TB, w wire) *MapStream {
	t.Helper()
	s, err := NewMap(t.Context(), w, w.shared, &pluginv1.MapStart{Partitions: 2}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func TestMapStream(t *testing.T) { onEach(t, mapStream) }

func mapStream(t *testing.T, c carrier) {
	s := start(t, fake{mapf: echo}.serve(t, c))
	big := strings.Repeat("x", 64<<20)
	got, sent, err := drive(t, s, records("a", "", "bb"), records(), records(big), records("c"))
	if sent != nil || err != nil {
		t.Fatal(sent, err)
	}
	if len(got) != 3 || string(got[0].Key(2)) != "bb" || string(got[0].Val(2)) != "0.2" || string(got[2].Key(0)) != "c" {
		t.Errorf("%d batches came back", len(got))
	}
	if !bytes.Equal(got[1].Key(0), []byte(big)) {
		t.Error("the line of 64 MiB is not the same")
	}
	if s.Counters().GetRecordsIn() != 5 || s.Done() != 5 {
		t.Errorf("counted %v, done %d", s.Counters(), s.Done())
	}
}

// A plugin may write far more than it has read, and the other way round: neither waits for the other for ever.
func TestNoDeadlock(t *testing.T) { onEach(t, noDeadlock) }

func noDeadlock(t *testing.T, c carrier) {
	const batches = 200
	body := strings.Repeat("y", 200<<10)
	first := func(port MapPort) (*pluginv1.Counters, error) {
		for range batches {
			p := &Pairs{}
			p.Append([]byte(body), []byte(body))
			if err := port.Send(p); err != nil {
				return nil, err
			}
		}
		return echo(port)
	}
	last := func(port MapPort) (*pluginv1.Counters, error) {
		for {
			if _, err := port.Recv(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return nil, err
			}
		}
		for range batches {
			p := &Pairs{}
			p.Append([]byte(body), nil)
			if err := port.Send(p); err != nil {
				return nil, err
			}
		}
		return &pluginv1.Counters{}, nil
	}
	var in []*rows.Records
	for range batches {
		in = append(in, records(body))
	}
	for _, f := range []func(MapPort) (*pluginv1.Counters, error){first, last} {
		got, sent, err := drive(t, start(t, fake{mapf: f}.serve(t, c)), in...)
		if sent != nil || err != nil || len(got) < batches {
			t.Errorf("%d batches, %v, %v", len(got), sent, err)
		}
	}
}

func TestMapFailureNamesTheRecord(t *testing.T) { onEach(t, mapFailureNamesTheRecord) }

func mapFailureNamesTheRecord(t *testing.T, c carrier) {
	fail := func(port MapPort) (*pluginv1.Counters, error) {
		for range 2 {
			if _, err := port.Recv(); err != nil {
				return nil, err
			}
		}
		return nil, &Failure{Text: "boom \xff", Stack: "main.f()", HasRecord: true, Batch: 1, Row: 2}
	}
	s := start(t, fake{mapf: fail}.serve(t, c))
	var in []*rows.Records
	for range 100 {
		in = append(in, records("four", "four", strings.Repeat("x", 1<<20)))
	}
	_, sent, err := drive(t, s, in...)
	var f *Failure
	if !errors.As(err, &f) || errs.KindOf(err) != errs.UserCode || !strings.Contains(err.Error(), "file:///in at byte 108: boom \uFFFD\nmain.f()") {
		t.Errorf("the failure is %v", err)
	}
	if sent == nil || errs.KindOf(sent) != errs.UserCode {
		t.Errorf("the sender learns %v", sent)
	}
}

// The offsets of old batches are forgotten, their objects are not.
func TestWhereOfOldBatches(t *testing.T) {
	s := &MapStream{}
	r := records("a", "b", "c")
	for range 3 * keepOffsets / (4 * len(r.Off)) / 1000 {
		big := *r
		big.Off = make([]int32, 1000*len(r.Off))
		s.remember(&big, false)
	}
	if n := len(s.origins); s.origins[0].Off != nil || s.origins[n-1].Off == nil || s.kept > keepOffsets {
		t.Errorf("%d bytes of offsets are held for %d batches", s.kept, n)
	}
	if got := s.Where(0, 2); got != "file:///in, 2 records after byte 100" {
		t.Errorf("an old record is at %q", got)
	}
	if got := s.Where(1<<40, 2); !strings.Contains(got, "record 2 of batch") {
		t.Errorf("a record of no batch is at %q", got)
	}
}

// Ends of a stream that are not the user's failure.
func TestMapStreamEnds(t *testing.T) { onEach(t, mapStreamEnds) }

func mapStreamEnds(t *testing.T, c carrier) {
	gone := errs.New(errs.Unavailable, "no such thing")
	for name, e := range map[string]struct {
		f    func(MapPort) (*pluginv1.Counters, error)
		kind errs.Kind
	}{
		"an error of the transport": {func(MapPort) (*pluginv1.Counters, error) { return nil, gone }, errs.Unavailable},
		"done before its input":     {func(MapPort) (*pluginv1.Counters, error) { return nil, nil }, errs.UserCode},
		"a wrong partition": {func(port MapPort) (*pluginv1.Counters, error) {
			p := &Pairs{Parts: []int32{2}}
			p.Append(nil, nil)
			return nil, port.Send(p)
		}, errs.UserCode},
	} {
		t.Run(name, func(t *testing.T) {
			var in []*rows.Records
			for range 50 {
				in = append(in, records(strings.Repeat("x", 1<<20)))
			}
			_, sent, err := drive(t, start(t, fake{mapf: e.f}.serve(t, c)), in...)
			if err == nil {
				err = sent // the receiver saw a good end; the sender could not send
			}
			if errs.KindOf(err) != e.kind {
				t.Errorf("ends with %v (%v), want %v", err, errs.KindOf(err), e.kind)
			}
		})
	}
	t.Run("cancelled while sending", func(t *testing.T) {
		hold := make(chan struct{})
		defer close(hold)
		s := start(t, fake{mapf: func(MapPort) (*pluginv1.Counters, error) { <-hold; return nil, nil }}.serve(t, c))
		ctx, cancel := context.WithCancel(t.Context())
		sent := make(chan error, 1)
		go func() {
			for {
				if err := s.Send(ctx, records(strings.Repeat("x", 1<<20))); err != nil {
					sent <- err
					return
				}
			}
		}()
		cancel()
		_, err := s.Recv()
		if errs.KindOf(err) != errs.Canceled || errs.KindOf(<-sent) != errs.Canceled {
			t.Errorf("ends with %v", err)
		}
	})
}

func TestDescribe(t *testing.T) {
	c := fake{}.serve(t, carrier{})
	d, err := c.Describe(t.Context(), &pluginv1.DescribeRequest{Protocols: []uint32{7, Protocol}})
	if err != nil || d.GetStages()[0].GetName() != "fake" {
		t.Errorf("described as %v, %v", d, err)
	}
	if _, err := c.Describe(t.Context(), &pluginv1.DescribeRequest{Protocols: []uint32{7}}); errs.KindOf(errs.FromStatus(err)) != errs.Invalid {
		t.Errorf("an unknown protocol is %v", err)
	}
	bad := serve(t, NewServer(&pluginv1.DescribeResponse{Invalid: "wrong flag"}))
	s, err := NewMap(t.Context(), bad, nil, &pluginv1.MapStart{}, nil)
	if err == nil {
		_, err = s.Recv()
	}
	if errs.KindOf(err) != errs.Invalid || !strings.Contains(err.Error(), "wrong flag") {
		t.Errorf("an attempt of an invalid job is %v", err)
	}
}

// sums makes a row of each group: its key, and the number of its values.
func sums(port ReducePort) (*pluginv1.Counters, error) {
	b := array.NewRecordBuilder(memory.DefaultAllocator, outSchema)
	last, n := "", int64(0)
	for {
		g, err := port.Recv()
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		for i := range g.len() {
			if k := string(g.Key(i)); k != last {
				b.Field(0).(*array.StringBuilder).Append(last)
				b.Field(1).(*array.Int64Builder).Append(n)
				last, n = k, 0
			}
			n++
		}
		if err != nil {
			b.Field(0).(*array.StringBuilder).Append(last)
			b.Field(1).(*array.Int64Builder).Append(n)
			return &pluginv1.Counters{GroupsIn: 1}, port.Send(b.NewRecordBatch())
		}
	}
}

func (g *Group) len() int {
	if g == nil {
		return 0
	}
	return g.Len()
}

func driveReduce(t *testing.T, s *ReduceStream, batches ...*rows.Batch) (got []arrow.RecordBatch, err error) {
	t.Helper()
	sent := make(chan error, 1)
	go func() {
		for _, b := range batches {
			if err := s.Send(t.Context(), b, false); err != nil {
				sent <- err
				return
			}
			for i := range b.Keys { // the batch is ours again
				b.Keys[i] = '!'
			}
		}
		sent <- s.CloseSend()
	}()
	for {
		rec, err := s.Recv()
		if errors.Is(err, io.EOF) {
			return got, <-sent
		}
		if err != nil {
			<-sent
			return got, err
		}
		got = append(got, rec)
	}
}

func startReduce(t testing.TB, c carrier, f fake) *ReduceStream {
	t.Helper()
	w := f.serve(t, c)
	s, err := NewReduce(t.Context(), w, w.shared, f.Describe(), &pluginv1.ReduceStart{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func TestReduceStream(t *testing.T) { onEach(t, reduceStream) }

func reduceStream(t *testing.T, c carrier) {
	f := fake{reducef: sums}
	whole := &rows.Batch{}
	for _, k := range []string{"x", "a", "a", "b"} {
		whole.Append([]byte(k), []byte("v"))
	}
	part := &rows.Batch{KeyOff: whole.KeyOff[1:], Keys: whole.Keys, ValOff: whole.ValOff[1:], Vals: whole.Vals} // offsets above 0
	got, err := driveReduce(t, startReduce(t, c, f), part)
	if err != nil || len(got) != 1 {
		t.Fatalf("%d batches, %v", len(got), err)
	}
	if s := fmt.Sprint(got[0].Columns()); s != `[["" "a" "b"] [0 2 1]]` {
		t.Errorf("rows are %s", s)
	}
	if !got[0].Schema().Equal(outSchema) {
		t.Errorf("the schema is %v", got[0].Schema())
	}
}

func TestReduceFailureNamesTheKey(t *testing.T) { onEach(t, reduceFailureNamesTheKey) }

func reduceFailureNamesTheKey(t *testing.T, c carrier) {
	f := fake{reducef: func(ReducePort) (*pluginv1.Counters, error) {
		return nil, &Failure{Text: "boom", HasRecord: true, Key: []byte("the key")}
	}}
	_, err := driveReduce(t, startReduce(t, c, f))
	if errs.KindOf(err) != errs.UserCode || err.Error() != `reduce key "the key": boom` {
		t.Errorf("the failure is %v", err)
	}
}

// Rows of the result that lie about themselves are the plugin's fault, and harm nobody.
func TestHostileRows(t *testing.T) {
	b := array.NewRecordBuilder(memory.DefaultAllocator, outSchema)
	b.Field(0).(*array.StringBuilder).AppendValues([]string{"aa", "bb"}, nil)
	b.Field(1).(*array.Int64Builder).AppendValues([]int64{1, 2}, nil)
	good, err := batchMessage(nil, b.NewRecordBatch())
	if err != nil {
		t.Fatal(err)
	}
	read := func(msg []byte, n uint32) error {
		r, err := newBatchReader(outSchema)
		if err != nil {
			t.Fatal(err)
		}
		rec, err := r.read(aligned(msg), n)
		if err == nil { // what is accepted can be read
			for _, col := range rec.Columns() {
				for i := range int(rec.NumRows()) {
					_ = col.ValueStr(i)
				}
			}
		}
		return err
	}
	if err := read(good, 2); err != nil {
		t.Fatal(err)
	}
	if err := read(good, 3); err == nil {
		t.Error("a wrong number of rows is taken")
	}
	refused := 0
	for i := range good {
		for _, x := range []byte{1, 0x80, 0xff} {
			msg := bytes.Clone(good)
			msg[i] ^= x
			if read(msg, 2) != nil {
				refused++
			}
		}
		if err := read(good[:i], 2); err == nil && i < len(good)-64 {
			t.Errorf("a message cut at %d of %d is taken", i, len(good))
		}
	}
	if refused == 0 {
		t.Error("no damage was noticed")
	}
}

// TestRowsOfOtherColumns: a batch of other columns is not taken for one of the schema, though its first buffers would do.
func TestRowsOfOtherColumns(t *testing.T) {
	numbers := arrow.NewSchema([]arrow.Field{{Name: "a", Type: arrow.PrimitiveTypes.Int64}, {Name: "b", Type: arrow.PrimitiveTypes.Int64}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, numbers)
	for i := range 2 {
		b.Field(i).(*array.Int64Builder).AppendValues([]int64{0, 0}, nil)
	}
	msg, err := batchMessage(nil, b.NewRecordBatch())
	if err != nil {
		t.Fatal(err)
	}
	for _, schema := range []*arrow.Schema{
		arrow.NewSchema(numbers.Fields()[:1], nil),
		arrow.NewSchema([]arrow.Field{{Name: "s", Type: arrow.BinaryTypes.String}}, nil),
	} {
		r, err := newBatchReader(schema)
		if err != nil {
			t.Fatal(err)
		}
		if rec, err := r.read(aligned(msg), 2); !errs.Is(err, errs.Corrupt) {
			t.Errorf("two numbers are taken for %v: %v, %v", schema, rec, err)
		}
	}
}
