package worker

import (
	"context"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"google.golang.org/protobuf/encoding/protojson"

	sessionv1 "github.com/mrctl/mrctl/api/session/v1"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/storage/output"
)

// win creates the record of a task of the last phase, with what its attempt has staged, or learns that another attempt's
// record stands already: then what was staged is given up.
func (a *Agent) win(ctx context.Context, at *attempt, j *job, rec ledger.TaskRecord, tally *sessionv1.Tally, staged ...*stagedPart) (mine bool, err error) {
	if rec.Tally, err = protojson.Marshal(tally); err != nil {
		return false, err
	}
	rec.Job, rec.Stage, rec.Gen, rec.Task, rec.Attempt = j.id, j.stageNo, int32(at.id.Gen), int(at.id.Task), int32(at.id.Attempt)
	rec.Worker, rec.Staged = a.id, time.Now().UTC()
	if _, mine, err = ledger.CreateTask(ctx, a.cfg.Store, rec); mine || err != nil {
		return mine, err
	}
	for _, p := range staged {
		if err := j.out.Discard(ctx, p.staged.Token); err != nil {
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

// newPart begins the part of the task.
func newPart(ctx context.Context, at *attempt, j *job, schema *arrow.Schema) (*stagedPart, error) {
	format := output.Format(j.spec.OutputFormat)
	p, err := output.NewPart(ctx, j.out, output.PartName(int(at.id.Task), format), format, schema,
		map[string]string{"job": j.id, "attempt": name(at.id)})
	return &stagedPart{Part: p}, err
}

// record is what the task's record says of the part. It has been staged.
func (p *stagedPart) record() *ledger.Part {
	s := p.staged
	return &ledger.Part{Key: s.Key, Token: s.Token, Rows: s.Rows, Bytes: s.Bytes, CRC: s.CRC}
}

// Stage makes the part durable and keeps its token for the record.
func (p *stagedPart) Stage(ctx context.Context) (err error) {
	p.staged, err = p.Part.Stage(ctx)
	return err
}

// Abort gives the part up. What cannot be removed now is gc's.
func (p *stagedPart) Abort() { _ = p.Part.Abort() }
