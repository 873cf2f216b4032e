package replay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/storage/dataset"
)

// recordShown is how much of a record is shown, in bytes.
const recordShown = 1 << 10

// showRecord shows the record at which the job's own code failed, where it is text.
func (m *oneMap) showRecord(ctx context.Context, failed error) {
	var f *boundary.Failure
	if !errors.As(failed, &f) || !f.HasRecord || m.stream == nil ||
		boundary.InputOf(m.stage, m.split.Input).GetInputKind() == pluginv1.Stage_INPUT_KIND_ROW {
		return
	}
	object, off, ok := m.stream.Place(f.Batch, f.Row)
	if !ok {
		return
	}
	if rec, err := m.recordAt(ctx, object, off); ctx.Err() != nil {
		return // another map's failure ended this one
	} else if err != nil {
		m.say("its record cannot be read again: %v", err)
	} else if rec != "" {
		m.say("record: %s", rec)
	}
}

// recordAt reads the split again up to a record, and gives its beginning, quoted; "": there is none at that place.
func (m *oneMap) recordAt(ctx context.Context, object string, off int64) (_ string, err error) {
	r, err := m.open(ctx, dataset.Options{Batch: boundary.BatchSize, OnBad: func(string, int64, []byte, error) {}})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	for {
		b, err := r.Next(ctx)
		if err == io.EOF {
			return "", nil
		}
		if err != nil {
			return "", err
		}
		for i := range b.Len() {
			if o, at, ok := b.Where(i); ok && at == off && o == object {
				return quoted(bytes.TrimRight(b.Data[b.Off[i]:b.Off[i+1]], "\r\n")), nil
			}
		}
	}
}

func quoted(rec []byte) string {
	if n := len(rec); n > recordShown {
		return fmt.Sprintf("%q and %d bytes more", rec[:recordShown], n-recordShown)
	}
	return fmt.Sprintf("%q", rec)
}
