package ledger

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strings"

	"github.com/google/uuid"

	"github.com/mrctl/mrctl/jobs/spec"
)

// NewJobID makes the id of a new job: a UUID of version 7, so that ids sort by time.
func NewJobID() string { return uuid.Must(uuid.NewV7()).String() }

// JobIDFor is the id of a job that is about to be submitted. Where the spec names a request the id follows from it:
// the same request twice is one job, whichever process asks.
func JobIDFor(s spec.Job) string {
	if s.RequestID == "" {
		return NewJobID()
	}
	sum := sha256.Sum256([]byte("mrctl request\x00" + s.RequestID))
	var id uuid.UUID
	copy(id[:], sum[:])
	id[6] = id[6]&0x0f | 0x80 // version 8: made by a rule of our own
	id[8] = id[8]&0x3f | 0x80 // the RFC 9562 variant
	return id.String()
}

// ValidJobID says whether id could be a job's. It is asked before an id from outside becomes part of a key.
func ValidJobID(id string) bool {
	u, err := uuid.Parse(id)
	return err == nil && u.String() == id
}

// NewNonce makes 128 random bits that tell one write from every other.
func NewNonce() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// NewIncarnation names this incarnation of this process: host, pid and 128 random bits.
func NewIncarnation() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown" // the random bits alone tell incarnations apart
	}
	host, _, _ = strings.Cut(host, ".")
	return fmt.Sprintf("%s-%d-%s", host, os.Getpid(), NewNonce())
}

// AttemptsPerLeader keeps the attempts of successive leaders of a job apart: each numbers those of a task from a multiple of
// it.
const AttemptsPerLeader = 1000
