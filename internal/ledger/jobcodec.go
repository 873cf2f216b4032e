package ledger

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/mrctl/mrctl/internal/errs"
)

// plain is Job without its methods. wire is what is written: its Spec hides the one in plain, so that the submitted bytes are
// kept as they are.
type (
	plain Job
	wire  struct {
		*plain
		Spec json.RawMessage `json:"spec"`
	}
)

// known are the fields this version has a place for.
var known = func() map[string]bool {
	names := map[string]bool{}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Job]()) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		names[name] = true
	}
	return names
}()

// MarshalJSON writes what this version knows, then what it does not.
func (j Job) MarshalJSON() ([]byte, error) {
	raw := j.spec
	if raw == nil {
		var err error
		if raw, err = json.Marshal(j.Spec); err != nil {
			return nil, err
		}
	}
	b, err := json.Marshal(wire{(*plain)(&j), raw})
	if err != nil || len(j.rest) == 0 {
		return b, err
	}
	b = b[:len(b)-1]
	for _, name := range slices.Sorted(maps.Keys(j.rest)) {
		quoted, err := json.Marshal(name)
		if err != nil {
			return nil, err
		}
		b = append(append(append(append(b, ','), quoted...), ':'), j.rest[name]...)
	}
	return append(b, '}'), nil
}

// UnmarshalJSON reads a job and keeps what it does not know.
func (j *Job) UnmarshalJSON(b []byte) error {
	var p plain
	w := wire{plain: &p}
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	if w.Spec != nil {
		if err := json.Unmarshal(w.Spec, &p.Spec); err != nil {
			return err
		}
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(b, &all); err != nil {
		return err
	}
	maps.DeleteFunc(all, func(name string, _ json.RawMessage) bool { return known[name] })
	*j = Job(p)
	j.spec, j.rest = w.Spec, all
	return nil
}

// DecodeJob reads the body of a job record: errs.Corrupt if it is none, ErrNewer (errs.Invalid) if a later version wrote it.
func DecodeJob(id string, body []byte) (Job, error) {
	var j Job
	if err := decode(body, &j, func() int { return j.V }, JobV); err != nil {
		return Job{}, errs.E(errs.KindOf(err), "read", JobKey(id), err)
	}
	if j.ID != id {
		return Job{}, errs.E(errs.Corrupt, "read", JobKey(id), errs.New(errs.Corrupt, "it is the record of %q", j.ID))
	}
	return j, nil
}
