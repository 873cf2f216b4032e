package boundary

import (
	"errors"
	"io"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/errs"
)

// mapPort is the plugin's end of a map stream.
type mapPort struct {
	stream  pluginv1.PluginService_MapServer
	in      *inlet[*pluginv1.MapRequest]
	batches uint64
	ended   bool
	lent    *pluginv1.Place // of the batch that Lend gave last
	out     *outlet
	told    time.Time // of the last progress
	often   time.Duration
	acks    bool   // progress is said after every batch
	given   uint64 // records received
}

func newMapPort(stream pluginv1.PluginService_MapServer, in *inlet[*pluginv1.MapRequest], start *pluginv1.MapStart) *mapPort {
	p := &mapPort{stream: stream, in: in, out: &outlet{in: in}, often: often, acks: start.GetAckBatches()}
	if n := start.GetProgressNanos(); n > 0 {
		p.often = time.Duration(n)
	}
	return p
}

func (p *mapPort) Recv() (*Input, error) { return p.recv(false) }

func (p *mapPort) Lend() (*Input, error) { return p.recv(true) }

func (p *mapPort) recv(lend bool) (*Input, error) {
	if p.ended {
		return nil, io.EOF
	}
	if p.lent != nil {
		if err := p.giveBack(p.lent); err != nil {
			return nil, err
		}
		p.lent = nil
	}
	m, err := p.in.next()
	if err != nil {
		return nil, err
	}
	switch k := m.GetKind().(type) {
	case *pluginv1.MapRequest_End:
		p.ended = true
		return nil, io.EOF
	case *pluginv1.MapRequest_Batch:
		bufs, err := p.buffers(k.Batch, m.GetBody(), lend)
		if err != nil {
			return nil, err
		}
		recs, err := recordsOf(k.Batch, bufs)
		p.batches++
		p.given += uint64(recs.Len())
		return &Input{Number: p.batches - 1, Records: recs}, err
	}
	return nil, errs.New(errs.Invalid, "a %T in a map stream", m.GetKind())
}

// buffers gives the buffers of a batch: where they lie, or in memory of their own and its segment back.
func (p *mapPort) buffers(b *pluginv1.InputBatch, body []byte, lend bool) ([][]byte, error) {
	lengths := b.GetBuffers().GetLengths()
	place := b.GetPlace()
	if place == nil {
		return join(lengths, b.GetBodyLength(), body, p.in.body)
	}
	if lend {
		p.lent = place
		return p.in.at(place, lengths)
	}
	bufs, err := p.in.lift(place, lengths)
	if err != nil {
		return nil, err
	}
	return bufs, p.giveBack(place)
}

func (p *mapPort) giveBack(place *pluginv1.Place) error {
	c := &pluginv1.Credit{Segments: []uint32{place.GetSegment()}}
	err := p.stream.Send(&pluginv1.MapResponse{Kind: &pluginv1.MapResponse_Credit{Credit: c}})
	giveWay(afterSend)
	return err
}

func (p *mapPort) Batch() int { return p.in.batch() }

func (p *mapPort) Send(b *Pairs) error {
	bufs := pairBuffers(b)
	lengths, total := lengthsOf(bufs...)
	batch := &pluginv1.PairBatch{
		Buffers: &pluginv1.Buffers{Rows: uint32(b.Len()), Lengths: lengths},
		Sorted:  b.Sorted, Partition: uint32(b.Partition), BodyLength: total,
	}
	head := &pluginv1.MapResponse{Kind: &pluginv1.MapResponse_Batch{Batch: batch}}
	var err error
	if batch.Place, err = p.out.place(b); err != nil {
		return err
	}
	if batch.Place != nil {
		if err := p.stream.Send(head); err != nil {
			return err
		}
		giveWay(afterSend)
		return p.out.next(b)
	}
	bodies := cut(pairBuffers(b)...) // they may have been moved
	*b = Pairs{}
	head.Body = bodies[0]
	if err := p.stream.Send(head); err != nil {
		return err
	}
	for _, body := range bodies[1:] {
		if err := p.stream.Send(&pluginv1.MapResponse{Body: body}); err != nil {
			return err
		}
	}
	return nil
}

// often is how often the worker is told how far a map attempt has come, where it has not said: a message costs as much
// as a batch.
const often = time.Second

func (p *mapPort) Progress(records uint64) error {
	now := time.Now()
	if now.Sub(p.told) < p.often && !(p.acks && records == p.given) {
		return nil
	}
	p.told = now
	return p.stream.Send(&pluginv1.MapResponse{Kind: &pluginv1.MapResponse_Progress{Progress: &pluginv1.Progress{Records: records}}})
}

func (p *mapPort) Bad(list []*pluginv1.BadRecord) error {
	return p.stream.Send(&pluginv1.MapResponse{Kind: &pluginv1.MapResponse_Bad{Bad: &pluginv1.BadRecords{Records: list}}})
}

// reducePort is the plugin's end of a reduce stream.
type reducePort struct {
	stream pluginv1.PluginService_ReduceServer
	in     *inlet[*pluginv1.ReduceRequest]
	ended  bool
}

func (p *reducePort) Recv() (*Group, error) {
	if p.ended {
		return nil, io.EOF
	}
	m, err := p.in.next()
	if err != nil {
		return nil, err
	}
	switch k := m.GetKind().(type) {
	case *pluginv1.ReduceRequest_End:
		p.ended = true
		return nil, io.EOF
	case *pluginv1.ReduceRequest_Batch:
		bufs, err := p.buffers(k.Batch, m.GetBody())
		if err != nil {
			return nil, err
		}
		b, err := batchOf(k.Batch.GetBuffers().GetRows(), bufs)
		return &Group{Batch: b, Continues: k.Batch.GetContinues()}, err
	}
	return nil, errs.New(errs.Invalid, "a %T in a reduce stream", m.GetKind())
}

// buffers is as mapPort's.
func (p *reducePort) buffers(b *pluginv1.GroupBatch, body []byte) ([][]byte, error) {
	lengths := b.GetBuffers().GetLengths()
	place := b.GetPlace()
	if place == nil {
		return join(lengths, b.GetBodyLength(), body, p.in.body)
	}
	bufs, err := p.in.lift(place, lengths)
	if err != nil {
		return nil, err
	}
	c := &pluginv1.Credit{Segments: []uint32{place.GetSegment()}}
	return bufs, p.stream.Send(&pluginv1.ReduceResponse{Kind: &pluginv1.ReduceResponse_Credit{Credit: c}})
}

func (p *reducePort) Batch() int { return p.in.batch() }

func (p *reducePort) Send(rec arrow.RecordBatch) error {
	id, mem, shared, err := p.in.segment(0)
	if err != nil {
		return err
	}
	msg, err := batchMessage(mem, rec)
	if err != nil {
		return err
	}
	batch := &pluginv1.OutputBatch{Rows: uint32(rec.NumRows()), BodyLength: uint64(len(msg))}
	head := &pluginv1.ReduceResponse{Kind: &pluginv1.ReduceResponse_Batch{Batch: batch}}
	if shared {
		if &msg[0] == &mem[0] { // else it outgrew the segment
			batch.Place = &pluginv1.Place{Segment: id, Offsets: []uint64{0}}
			return p.stream.Send(head)
		}
		p.in.unused(id)
	}
	bodies := cut(msg)
	head.Body = bodies[0]
	if err := p.stream.Send(head); err != nil {
		return err
	}
	for _, body := range bodies[1:] {
		if err := p.stream.Send(&pluginv1.ReduceResponse{Body: body}); err != nil {
			return err
		}
	}
	return nil
}

// cutOff turns the end of a stream where more was due into an error.
func cutOff(err error) error {
	if errors.Is(err, io.EOF) {
		return errs.New(errs.Unavailable, "the worker closed the stream early")
	}
	return err
}
