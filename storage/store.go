// Package storage is the one durable thing the system has: object storage, or a folder with the same contract.
//
// A Store holds our own records and outputs. A Source is the user's data, read only. The sentences of the contract
// stand at the methods below and are held to by the suite in storagetest, which every store and every decorator passes.
//
//   - nil means durable, and visible to every later Get and List anywhere.
//   - ErrPrecondition means this call changed nothing and never will.
//   - ErrUnknown means it may have happened, or may still happen.
//   - any other error means it did not and will not.
//
// One call is at most one try of a write: only the caller knows how to recognise his own success (a nonce in the body),
// so only he may try again. Reads may retry inside. When a context ends during a write the answer is ErrUnknown.
package storage

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"
)

// Version names one content of one key; "" is absence. Versions are opaque, and repeat if the same bytes are written
// again: callers put a nonce into every body that is replaced.
type Version string

// Info describes an object.
type Info struct {
	Key     string
	Size    int64 // bytes
	Version Version
	Meta    map[string]string // what Create was given; List leaves it nil
	ModTime time.Time         // the store's clock; for people and for gc, never for correctness
}

// Token names a staged object: written, durable, invisible. It is opaque text, safe to keep in a record and to hand to
// another process.
type Token string

// Errors of the contract. They are wrapped with operation and key; test with errors.Is.
var (
	ErrNotExist     = errors.New("does not exist")
	ErrPrecondition = errors.New("precondition failed")
	ErrUnknown      = errors.New("outcome unknown")
)

// MaxRecord is the largest body PutIf and Get take, in bytes.
const MaxRecord = 8 << 20

// Store is a bucket prefix or a folder. Keys are components of [A-Za-z0-9._=-], 1 to 200 bytes each and none beginning
// with ".", joined by "/", at most 900 bytes in all; no key may be a folder of another. All methods are safe for
// concurrent use, from many processes at once.
type Store interface {
	// Get reads a record of at most MaxRecord bytes, whole, with its version. Absent: ErrNotExist.
	Get(ctx context.Context, key string) ([]byte, Info, error)
	// Open reads n bytes from off; n < 0 means to the end, off at or past the end gives an empty body. The reader keeps
	// to one version, resumes by itself where a body is cut, or fails. Absent: ErrNotExist.
	Open(ctx context.Context, key string, off, n int64) (io.ReadCloser, Info, error)
	// Stat describes an object, Meta included. Absent: ErrNotExist.
	Stat(ctx context.Context, key string) (Info, error)
	// PutIf writes body if the object's version is want: "" creates, v replaces exactly v. There is no blind overwrite.
	// Per key it is linearisable with Get, Stat, Open and Delete across processes.
	PutIf(ctx context.Context, key string, body []byte, want Version) (Version, error)
	// Create starts a stream to key, invisible to all. meta's keys are [a-z0-9-], its values printable ASCII.
	Create(ctx context.Context, key string, meta map[string]string) (Writer, error)
	// Publish makes a staged object visible, if its key is absent. It is idempotent and any process may call it: when
	// the key is taken, the same staged object there is success, another is ErrPrecondition. A token whose bytes are
	// gone (discarded, purged) with nothing at the key is ErrNotExist.
	Publish(ctx context.Context, t Token) (Info, error)
	// Discard gives up a staged object. Idempotent; of a published one it changes nothing.
	Discard(ctx context.Context, t Token) error
	// List yields what lies under prefix (a plain string prefix; "" is all) after the key after, in byte order, with
	// all writes that ended before it began. Ranging stops at the first error.
	List(ctx context.Context, prefix, after string) iter.Seq2[Info, error]
	// Delete removes an object; absent is success. Only for what is garbage for ever.
	Delete(ctx context.Context, key string) error
}

// Writer is a stream to an object that does not exist yet. Exactly one of Stage and Abort ends it. It is not safe for
// concurrent use. The context given to Create governs its writes.
type Writer interface {
	io.Writer
	// Stage makes what was written durable, still invisible. After an error nothing is left but what gc sweeps.
	Stage(ctx context.Context) (Token, error)
	// Abort gives up. Idempotent; after Stage it does nothing.
	Abort() error
}

// Source is where input lies: any UTF-8 key, byte for byte. Folders are never keys.
type Source interface {
	// List yields the objects under prefix in byte order of their keys.
	List(ctx context.Context, prefix, after string) iter.Seq2[Info, error]
	// Stat describes one object. Absent: ErrNotExist.
	Stat(ctx context.Context, key string) (Info, error)
	// Open reads n bytes from off (n < 0: to the end) of exactly version want; "" takes what is there. A changed object
	// is ErrPrecondition, an absent one ErrNotExist, both naming the key.
	Open(ctx context.Context, key string, off, n int64, want Version) (io.ReadCloser, Info, error)
}

// Pending is a staged or unfinished object that gc may own.
type Pending struct {
	Key     string
	Token   Token
	Started time.Time
	Size    int64 // bytes, where it is known
}

// Sweeper is implemented by stores that can name what was created and never published. Keys must be exact: some
// servers cannot list uploads by prefix.
type Sweeper interface {
	PendingOf(ctx context.Context, key string) ([]Pending, error)
}

// Litter is implemented by stores that can name all that was begun and never became an object, whatever its key: a folder
// whose writers were killed holds temporary files, a bucket uploads.
type Litter interface {
	Temporary(ctx context.Context) iter.Seq2[Pending, error]
}

// Places finds what URIs name: a folder path, or s3://bucket/key.
type Places interface {
	// Source gives where a URI's objects lie, and the key within.
	Source(uri string) (src Source, key string, err error)
	// Output gives a user's output folder as a store.
	Output(uri string) (Store, error)
}
