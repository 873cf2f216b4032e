package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
)

// LeaseV is the format of the lease that this program reads and writes.
const LeaseV = 1

// maxEpoch is higher than anybody counts; above it lies what was never an epoch, and could not be counted on from.
const maxEpoch = 1 << 62

// Lease says who leads. Only coordinators write it; workers and clients read it to find the leader.
type Lease struct {
	V       int    `json:"v"`
	Epoch   uint64 `json:"epoch"`             // of this leadership; only grows
	Holder  string `json:"holder"`            // one process incarnation
	Addr    string `json:"addr"`              // host:port where it is reached
	Seq     uint64 `json:"seq"`               // counts writes
	Nonce   string `json:"nonce"`             // of this write alone
	TTL     int64  `json:"ttl_ms"`            // how long it stands without being renewed
	Free    bool   `json:"free,omitempty"`    // given up: anybody may take it now
	Version string `json:"version,omitempty"` // of the holder's program
}

// Led says that somebody holds the lease, as far as the record tells. He may be gone for up to TTL and a little.
func (l Lease) Led() bool { return l.Holder != "" && !l.Free }

// Lasts is TTL as a duration.
func (l Lease) Lasts() time.Duration { return time.Duration(l.TTL) * time.Millisecond }

// Encode is the body of the record.
func (l Lease) Encode() []byte {
	b, err := json.Marshal(l)
	if err != nil {
		panic(err) // strings and numbers always encode
	}
	return b
}

// ErrNewer marks a record in a format of a later version: not to be read, not to be replaced.
var ErrNewer = errors.New("written by a newer version of mrctl")

// DecodeLease reads the body of the lease: errs.Corrupt if it is none, ErrNewer (errs.Invalid) if a later version wrote it.
func DecodeLease(body []byte) (Lease, error) {
	var l Lease
	if err := decode(body, &l, func() int { return l.V }, LeaseV); err != nil {
		return Lease{}, errs.E(errs.KindOf(err), "read", LeaseKey, err)
	}
	if l.Holder == "" || l.Epoch == 0 || l.Epoch > maxEpoch {
		return Lease{}, errs.E(errs.Corrupt, "read", LeaseKey, errors.New("no holder or no epoch"))
	}
	return l, nil
}

// ReadLease reads the lease once. Nobody has ever led: errs.NotFound.
func ReadLease(ctx context.Context, store storage.Store) (Lease, error) {
	body, _, err := get(ctx, store, LeaseKey)
	if errors.Is(err, storage.ErrNotExist) {
		return Lease{}, errs.E(errs.NotFound, "read", LeaseKey, err)
	}
	if err != nil {
		return Lease{}, err
	}
	return DecodeLease(body)
}

// decode reads a JSON body into to and checks its format number, which v gives once it is read.
func decode(body []byte, to any, v func() int, newest int) error {
	// The number comes first: a later format need not fit our types.
	var head struct {
		V int `json:"v"`
	}
	if err := json.Unmarshal(body, &head); err == nil && head.V > newest {
		return errs.E(errs.Invalid, "", "", ErrNewer)
	}
	if err := json.Unmarshal(body, to); err != nil {
		return errs.E(errs.Corrupt, "", "", err)
	}
	if v() < 1 {
		return errs.New(errs.Corrupt, "no format number")
	}
	return nil
}
