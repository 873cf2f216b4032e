// Package gen makes the inputs of the benchmark. They are seeded: the same spec gives the same bytes on every machine
// of one architecture (another may round the last bit of a float otherwise), whatever its number of cores, so that figures
// taken apart speak of the same work.
//
// Data is made in blocks of a few megabytes. Each block has a random source of its own, seeded by the data's seed and
// the block's number, which is what lets blocks be made at the same time and written in order.
package gen

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/mrctl/mrctl/internal/errs"
)

// Version is part of the name of every data set. Raise it when any generator writes other bytes than before.
const Version = 1

// Kind says what a data set holds.
type Kind string

const (
	Text      Kind = "text"      // lines of about 100 letters and blanks, Zipf(1.07) over 1 M words
	Logs      Kind = "logs"      // an access log in combined format, about 500,000 (status, path) pairs in 1 GB
	Records   Kind = "records"   // 100-byte records, the first 10 bytes random
	Printable Kind = "printable" // the same with printable keys, each record a line, for tools that sort lines
	Tiny      Kind = "tiny"      // text once in 20,000 small files (below "files") and once in one ("whole.txt")
	Uniform   Kind = "uniform"   // rows "key value", 100,000 keys equally often
	Skewed    Kind = "skewed"    // the same, but that the first key has 30 % of the rows
	Distinct  Kind = "distinct"  // lines of one word of 16 letters, no word twice
	Long      Kind = "long"      // rows "key value" of half a million bytes, 16 keys
)

// Spec names a data set.
type Spec struct {
	Kind Kind
	Size int64  // bytes; what is made is at least this long, by less than one line a block
	Seed uint64 // 0 is as good as any
}

// Name is the name of the data set's folder in the cache.
func (s Spec) Name() string { return fmt.Sprintf("%s-%d-seed%d-v%d", s.Kind, s.Size, s.Seed, Version) }

// Ensure gives the path of the data set below the folder cache, making it first where it is not there: a file, but for
// Tiny a folder. A data set appears under its name whole or not at all.
func Ensure(ctx context.Context, cache string, s Spec) (string, error) {
	k, ok := kinds[s.Kind]
	if !ok {
		return "", errs.New(errs.Invalid, "generate %s: no such kind of data", s.Kind)
	}
	if s.Size <= 0 || s.Size > 1<<44 {
		return "", errs.New(errs.Invalid, "generate %s: %d is no size", s.Kind, s.Size)
	}
	final := filepath.Join(cache, s.Name())
	path := filepath.Join(final, k.file)
	if _, err := os.Stat(final); err == nil {
		return path, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	tmp, err := os.MkdirTemp(cache, ".new-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(tmp) }() // gone already when all went well
	if err := k.write(ctx, tmp, s); err != nil {
		return "", fmt.Errorf("generate %s: %w", s.Name(), err)
	}
	if err := os.Rename(tmp, final); err != nil {
		if _, there := os.Stat(final); there != nil {
			return "", err
		}
		// Another process was faster. Its bytes are the same.
	}
	return path, nil
}

// kinds lists how each kind of data is written into an empty folder, and what file there stands for it.
var kinds = map[Kind]struct {
	file  string
	write func(ctx context.Context, dir string, s Spec) error
}{
	Text:      {"text.txt", oneFile("text.txt", newText)},
	Logs:      {"access.log", oneFile("access.log", newLogs)},
	Records:   {"records.bin", oneFile("records.bin", newRecords)},
	Printable: {"records.txt", oneFile("records.txt", newPrintable)},
	Tiny:      {"", writeTiny},
	Uniform:   {"rows.txt", oneFile("rows.txt", newUniform)},
	Skewed:    {"rows.txt", oneFile("rows.txt", newSkewed)},
	Distinct:  {"words.txt", oneFile("words.txt", newDistinct)},
	Long:      {"rows.txt", oneFile("rows.txt", newLong)},
}

func oneFile(name string, newMaker func(seed uint64) maker) func(context.Context, string, Spec) error {
	return func(ctx context.Context, dir string, s Spec) error {
		return create(filepath.Join(dir, name), func(w io.Writer) error {
			return writeBlocks(ctx, w, s.Size, s.Seed, newMaker(s.Seed))
		})
	}
}

// create writes a file; an error of closing it is an error of writing it.
func create(path string, write func(io.Writer) error) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return write(f)
}
