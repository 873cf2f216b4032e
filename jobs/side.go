package jobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/codec"
)

// SideData is a file that the job's functions read besides their records: a SideFile or a Broadcast.
type SideData interface {
	// side is the file's name, or why no job can have it.
	side() (name string, err error)
}

// SideFile is a handle of a file that every attempt finds on its own machine: a model, a list of words. It is a
// package-level variable, listed in Job.Sides; what it stands for is said when the job is run: --side name=URI.
type SideFile struct{ name string }

// NewSideFile makes a handle. The name is 1 to 40 of a-z, 0-9 and -.
func NewSideFile(name string) *SideFile { return &SideFile{name} }

func (f *SideFile) side() (string, error) {
	if !nameRE.MatchString(f.name) {
		return "", fmt.Errorf("the name %q of a side file is not 1 to 40 of a-z, 0-9 and -", f.name)
	}
	return f.name, nil
}

// Path is where the file lies, unpacked if it was compressed, to be read and not written. All attempts on a worker are given
// the same file. ctx is the one given to the job's function. It panics where the file is not in Job.Sides.
func (f *SideFile) Path(ctx context.Context) string {
	sides, _ := ctx.Value(sidesKey{}).([]*pluginv1.Side)
	for _, s := range sides {
		if s.GetName() == f.name {
			return s.GetPath()
		}
	}
	panic(fmt.Sprintf("jobs: side file %q is not listed in Job.Sides, or this is not the context that the job's function was given", f.name))
}

// Broadcast is a table small enough to be held in memory by every worker, for a join in which nothing is shuffled: a side
// file of CSV (or .tsv) with a header, or of JSON lines, with a row for each key. It is a package-level variable, listed
// in Job.Sides.
type Broadcast[K comparable, R any] struct {
	SideFile
	key    func(R) K
	loaded atomic.Pointer[broadcast[K, R]]
	turn   chan struct{} // holds one token, for whoever reads the file
}

// broadcast is the content of a file.
type broadcast[K comparable, R any] struct {
	path string
	rows map[K]R
}

// NewBroadcast makes a handle. R is a struct, whose fields are the columns of the file; key is the one to find a row by.
func NewBroadcast[K comparable, R any](name string, key func(R) K) *Broadcast[K, R] {
	return &Broadcast[K, R]{SideFile: SideFile{name}, key: key, turn: make(chan struct{}, 1)}
}

func (b *Broadcast[K, R]) side() (string, error) {
	name, err := b.SideFile.side()
	if err != nil {
		return "", err
	}
	if rows, err := newStructs[R](); err != nil || rows == nil {
		return "", errors.Join(fmt.Errorf("broadcast %s: its rows are to be structs that CSV or JSON can be read into", name), err)
	}
	return name, nil
}

// Load is the table: the rows by key. It is read once in a process, however many attempts ask for it, and belongs to all
// of them: it must not be changed. The error, of a file that cannot be read or has two rows of one key, names the file; a
// Map returns it as it is.
func (b *Broadcast[K, R]) Load(ctx context.Context) (map[K]R, error) {
	path := b.Path(ctx)
	if have := b.loaded.Load(); have != nil && have.path == path {
		return have.rows, nil
	}
	select {
	case b.turn <- struct{}{}:
		defer func() { <-b.turn }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if have := b.loaded.Load(); have != nil && have.path == path {
		return have.rows, nil
	}
	rows, err := b.read(path)
	if err != nil {
		return nil, fmt.Errorf("side file %s: %w", b.name, err)
	}
	b.loaded.Store(&broadcast[K, R]{path, rows})
	return rows, nil
}

func (b *Broadcast[K, R]) read(path string) (map[K]R, error) {
	form, err := newStructs[R]()
	if err != nil {
		return nil, err
	}
	schema, err := codec.MarshalSchema(inputSchemaOf(form))
	if err != nil {
		return nil, err
	}
	in, err := newStructReader(schema, []string{path}, nil)
	if err != nil {
		return nil, err
	}
	defer in.close()
	table := map[K]R{}
	for {
		batch, err := in.next()
		if errors.Is(err, io.EOF) {
			return table, nil
		}
		if err != nil {
			return nil, err
		}
		for i := range batch.Len() {
			row, err := form.codec.Decode(batch.Data[batch.Off[i]:batch.Off[i+1]])
			if err != nil {
				return nil, err
			}
			k := b.key(row)
			if _, twice := table[k]; twice {
				return nil, fmt.Errorf("two rows have the key %v; a broadcast has one for each", k)
			}
			table[k] = row
		}
	}
}

type sidesKey struct{}

// withSides puts an attempt's side files where handles find them.
func withSides(ctx context.Context, sides []*pluginv1.Side) context.Context {
	if len(sides) == 0 {
		return ctx
	}
	return context.WithValue(ctx, sidesKey{}, sides)
}

// sideNames are the names of a job's side files, in order.
func sideNames(sides []SideData) ([]string, error) {
	var names []string
	for _, s := range sides {
		name, err := s.side()
		if err != nil {
			return nil, err
		}
		if slices.Contains(names, name) {
			return nil, fmt.Errorf("two of Sides are named %s", name)
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}
