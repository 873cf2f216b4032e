package ledger

import (
	"context"
	"encoding/json"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
)

// Cuts are the keys at which the parts of a stage are cut that are ordered overall: part i is from Keys[i-1] on to before
// Keys[i]. The first record of a stage stands, in every generation: any cuts make a right result, two of them none.
type Cuts struct {
	V     int      `json:"v"`
	Job   string   `json:"job"`
	Stage int      `json:"stage"`
	Keys  [][]byte `json:"keys"`
}

// Bounds are the keys of a part: from low on to before high, which is nil for the last part.
func (c Cuts) Bounds(part int) (low, high []byte, err error) {
	if part < 0 || part > len(c.Keys) {
		return nil, nil, errs.New(errs.Corrupt, "there is no part %d, the cuts are of %d", part, len(c.Keys)+1)
	}
	if part > 0 {
		low = c.Keys[part-1]
	}
	if part < len(c.Keys) {
		if high = c.Keys[part]; high == nil {
			high = []byte{}
		}
	}
	return low, high, nil
}

// CreateCuts makes the record, and gives the one that stands. It tries until it knows or ctx ends.
func CreateCuts(ctx context.Context, store storage.Store, c Cuts) (Cuts, error) {
	c.V = taskV
	key := CutsKey(c.Job, c.Stage)
	body, err := json.Marshal(c)
	if err != nil {
		return Cuts{}, errs.E(errs.Invalid, "record cuts", key, err)
	}
	there, _, _, err := CreateOnce(ctx, store, key, body)
	if err != nil {
		return Cuts{}, errs.E(errs.KindOf(err), "record cuts", key, err)
	}
	return decodeCuts(key, there)
}

// ReadCuts reads the record: errs.NotFound while there is none.
func ReadCuts(ctx context.Context, store storage.Store, job string, stage int) (Cuts, error) {
	key := CutsKey(job, stage)
	body, _, err := Fetch(ctx, store, key)
	if err != nil {
		return Cuts{}, errs.E(notFound(err), "read", key, err)
	}
	return decodeCuts(key, body)
}

func decodeCuts(key string, body []byte) (Cuts, error) {
	var c Cuts
	if err := decode(body, &c, func() int { return c.V }, taskV); err != nil {
		return Cuts{}, errs.E(errs.KindOf(err), "read", key, err)
	}
	if CutsKey(c.Job, c.Stage) != key {
		return Cuts{}, errs.E(errs.Corrupt, "read", key, errs.New(errs.Corrupt, "it is the record of job %s", c.Job))
	}
	return c, nil
}
