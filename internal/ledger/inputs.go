package ledger

import (
	"encoding/hex"
	"encoding/json"

	"github.com/mrctl/mrctl/internal/errs"
)

// Input is what a reduce consumed of one map task.
type Input struct {
	Attempt int32
	Digest  string // 16 bytes in hex
}

// Inputs is a list by map task. It is written in columns, since a reduce may have a hundred thousand of them:
//
//	{"attempts":[0,0,1],"digests":"<base64 of 16 bytes each>"}
type Inputs []Input

const digestSize = 16

type inputsWire struct {
	Attempts []int32 `json:"attempts"`
	Digests  []byte  `json:"digests"`
}

// MarshalJSON writes the columns.
func (in Inputs) MarshalJSON() ([]byte, error) {
	w := inputsWire{make([]int32, len(in)), make([]byte, 0, digestSize*len(in))}
	for i, x := range in {
		d, err := hex.DecodeString(x.Digest)
		if err != nil || len(d) != digestSize {
			return nil, errs.New(errs.Invalid, "digest of map task %d: %q is not %d bytes in hex", i, x.Digest, digestSize)
		}
		w.Attempts[i] = x.Attempt
		w.Digests = append(w.Digests, d...)
	}
	return json.Marshal(w)
}

// UnmarshalJSON reads them.
func (in *Inputs) UnmarshalJSON(b []byte) error {
	var w inputsWire
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	if len(w.Digests) != digestSize*len(w.Attempts) {
		return errs.New(errs.Corrupt, "%d attempts with %d bytes of digests", len(w.Attempts), len(w.Digests))
	}
	*in = make(Inputs, len(w.Attempts))
	for i, a := range w.Attempts {
		(*in)[i] = Input{a, hex.EncodeToString(w.Digests[i*digestSize:][:digestSize])}
	}
	return nil
}
