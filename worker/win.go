package worker

import (
	"context"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"google.golang.org/protobuf/encoding/protojson"

	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/storage/output"
	"github.com/mrctl/mrctl/worker/table"
)

// parts are what an attempt of the last phase puts out.
type parts struct {
	at *attempt
	j  *job

	main  *stagedPart
	named []*stagedPart // in the order of the stage's outputs
}

// open begins the part of the result.
func (p *parts) open(ctx context.Context, schema *arrow.Schema) (table.PartWriter, error) {
	var err error
	p.main, err = p.begin(ctx, "", schema)
	return p.main, err
}

// openNamed begins the part of a named output. They are begun in their order, once the part of the result has been.
func (p *parts) openNamed(ctx context.Context, i int, schema *arrow.Schema) (table.PartWriter, error) {
	part, err := p.begin(ctx, p.j.stage.GetOutputs()[i].GetName(), schema)
	p.named = append(p.named, part)
	return part, err
}

func (p *parts) begin(ctx context.Context, of string, schema *arrow.Schema) (*stagedPart, error) {
	format := output.Format(p.j.spec.OutputFormat)
	part, err := output.NewPart(ctx, p.j.out, output.NamedPart(of, int(p.at.id.Task), format), format, schema,
		map[string]string{"job": p.j.id, "attempt": name(p.at.id)})
	return &stagedPart{Part: part}, err
}

// win creates the record of the task, with what its attempt has staged, or learns that another attempt's record stands
// already: then what was staged is given up.
func (p *parts) win(ctx context.Context, a *Agent, rec ledger.TaskRecord, tally *sessionv1.Tally) (mine bool, err error) {
	if rec.Tally, err = protojson.Marshal(tally); err != nil {
		return false, err
	}
	id := p.at.id
	rec.Job, rec.Stage, rec.Gen, rec.Task, rec.Attempt = p.j.id, p.j.stageNo, int32(id.Gen), int(id.Task), int32(id.Attempt)
	rec.Worker, rec.Staged = a.id, time.Now().UTC()
	main := p.main.record()
	rec.Part = &main
	for _, n := range p.named {
		rec.Named = append(rec.Named, n.record())
	}
	if _, mine, err = ledger.CreateTask(ctx, a.cfg.Store, rec); mine || err != nil {
		return mine, err
	}
	for _, part := range rec.Parts() {
		if err := p.j.out.Discard(ctx, part.Token); err != nil {
			a.log.Debug("a loser's part is left to gc")
		}
	}
	return false, nil
}

// stagedPart is an output part that remembers what was staged.
type stagedPart struct {
	*output.Part
	staged output.Staged
}

// record is what the task's record says of the part. It has been staged.
func (p *stagedPart) record() ledger.Part {
	s := p.staged
	return ledger.Part{Key: s.Key, Token: s.Token, Rows: s.Rows, Bytes: s.Bytes, CRC: s.CRC}
}

// Stage makes the part durable and keeps its token for the record.
func (p *stagedPart) Stage(ctx context.Context) (err error) {
	p.staged, err = p.Part.Stage(ctx)
	return err
}

// Abort gives the part up. What cannot be removed now is gc's.
func (p *stagedPart) Abort() { _ = p.Part.Abort() }
