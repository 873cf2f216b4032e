// Package dataset knows the user's input: which objects a URI names, where one split ends and the next begins, and how
// the records of a split are read.
//
// The way through it is Expand (URIs to objects, each pinned by size and version), Plan (objects to splits), PlanWriter
// and Plans (the plan as it lies in the store), and Open (a split to batches of records).
//
// A record is a line ("lines"), an object ("files"), N bytes ("records:N"), or a row: a record of CSV ("csv", "tsv") or a
// JSON object on a line of its own ("jsonl"), or of these what the object's name says ("auto"). OpenRows reads rows. A line belongs to the split that holds
// its first byte; "\n" ends it and a "\r" before that is dropped. Nothing else is ever changed: not NULs, not bytes
// that are no UTF-8. Objects named *.gz, *.zst,
// *.bz2, *.lz4 and *.xz are read decompressed unless that is turned off; zstd and xz of several frames and blocks
// (see Probe) and bzip2 are cut where frames or blocks begin, others are not.
//
// A row may also be one of a table, a file of Parquet or Arrow ("parquet", "arrow"), which is cut where its groups of rows begin.
package dataset

import (
	"strings"

	"github.com/mrctl/mrctl/internal/xzblocks"
	"github.com/mrctl/mrctl/internal/zframes"
	"github.com/mrctl/mrctl/storage"
)

// Sources finds the store behind a URI and the key the URI names in it; for a folder or a prefix, the key its objects
// begin with. Keys are the URI's own bytes, never unescaped. *locate.Resolver is one.
type Sources interface {
	Source(uri string) (storage.Source, string, error)
}

// Object is one object of the input as it was when the job was planned.
type Object struct {
	URI     string // an absolute path, or scheme://bucket/key
	Size    int64  // bytes
	Version storage.Version
	frames  []zframes.Frame // where it may be cut, if it is compressed: see Probe
	check   xzblocks.Check  // of xz that may be
}

// Split is what one map task reads: pieces in order. A split without pieces is valid and has no records.
type Split struct {
	Pieces []Piece `json:"pieces,omitempty"`
	Bytes  int64   `json:"bytes"`           // the sum of the pieces' Len
	Input  int     `json:"input,omitempty"` // which of the job's inputs it is of
}

// Piece is a range of bytes of one object.
type Piece struct {
	URI     string          `json:"uri"`
	Size    int64           `json:"size"` // of the whole object, in bytes
	Version storage.Version `json:"version"`
	Off     int64           `json:"off,omitempty"`
	Len     int64           `json:"len"`             // bytes; of an object compressed with gzip, lz4 or xz ("xz") always the whole Size
	Codec   string          `json:"codec,omitempty"` // "", "gzip", "zstd", "bzip2", "lz4" or "xz"; of xz that is cut "xz-crc64" or another check
	// Text is the place, in the text of an archive that is cut, of the piece's first byte. For bzip2, and zstd
	// without a table of its frames, nobody knows it, and Off stands for it.
	Text int64 `json:"text,omitempty"`
}

// MaxRecord is the largest record there can be, in bytes: offsets in a batch are 32 bits.
const MaxRecord = 1 << 30

// remote tells URIs with a scheme from paths of this machine.
func remote(uri string) bool {
	scheme, _, ok := strings.Cut(uri, "://")
	return ok && scheme != "" && !strings.Contains(scheme, "/")
}
