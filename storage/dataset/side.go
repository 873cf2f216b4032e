package dataset

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/mrctl/mrctl/internal/errs"
)

// Side is a file that a job reads besides its input, as it was when the job was planned.
type Side struct {
	Name string `json:"name"` // the plugin's
	File Piece  `json:"file"` // a whole object
}

// FindSide finds the one object that a side file's URI names.
func FindSide(ctx context.Context, src Sources, name, uri string) (Side, error) {
	var found []Object
	for o, err := range Expand(ctx, src, []string{uri}, nil) {
		if err != nil {
			return Side{}, fmt.Errorf("side file %s: %w", name, err)
		}
		if found = append(found, o); len(found) > 1 {
			return Side{}, errs.E(errs.Invalid, "side file "+name, uri, errors.New("it names several files; a side file is one"))
		}
	}
	for p := range pieces(found[0], 1, 1, PlanOptions{Decompress: "auto"}) {
		return Side{name, p}, nil
	}
	return Side{}, nil
}

// Base is the file's own name once it is unpacked, by which its format may be told. It is a name for a file in a folder.
func (s Side) Base() string {
	base := path.Base(s.File.URI)
	if s.File.Codec != "" {
		base = strings.TrimSuffix(base, path.Ext(base))
	}
	if base == "" || base == "." || base == ".." || base == "/" || strings.ContainsRune(base, 0) {
		return "file" // a key of a bucket may be anything
	}
	return base
}

// CopySide writes the content of a side file, unpacked: of the version planned, or none at all. It is refused where it
// has more than most bytes.
func CopySide(ctx context.Context, src Sources, s Side, w io.Writer, most int64) (n int64, err error) {
	r, err := Open(ctx, src, Split{Pieces: []Piece{s.File}, Bytes: s.File.Len}, Options{Format: "files"})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if err := r.openPiece(ctx); err != nil {
		return 0, err
	}
	n, err = io.Copy(w, io.LimitReader(r.cur, most+1))
	if err == nil && n > most {
		err = errs.E(errs.Invalid, "side file "+s.Name, s.File.URI, fmt.Errorf("unpacked it has more than %d bytes", most))
	}
	return n, err
}
