package jobs

import (
	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
)

// How much of a bad record is told, in bytes, and how many such bytes gather before they are sent.
const (
	sampled  = 1 << 10
	reported = 64 << 10
	gathered = 256 << 10
)

// setAside counts a bad record and keeps a sample of it, or all that is told where all are reported.
func (a *mapAttempt[In, K, V, Out]) setAside(in *boundary.Input, row int, rec []byte, err error) error {
	a.bad++
	b := &pluginv1.BadRecord{Batch: in.Number, Row: uint64(row)}
	if a.all || len(a.samples) < a.most {
		b.Error = clip(err.Error())
	}
	if len(a.samples) < a.most {
		b.Record = append([]byte(nil), rec[:min(len(rec), sampled)]...)
		a.samples = append(a.samples, b)
	}
	if !a.all {
		return nil
	}
	a.aside = append(a.aside, &pluginv1.BadRecord{
		Batch: b.Batch, Row: b.Row, Error: b.Error, Record: append([]byte(nil), rec[:min(len(rec), reported)]...),
	})
	if a.asideN += len(rec) + len(b.Error); a.asideN < gathered {
		return nil
	}
	return a.report()
}

// report sends the bad records that wait.
func (a *mapAttempt[In, K, V, Out]) report() error {
	if len(a.aside) == 0 {
		return nil
	}
	list := a.aside
	a.aside, a.asideN = nil, 0
	return a.port.Bad(list)
}
