// Package work is what the cluster is asked to do while things break: jobs of several shapes over input made from a seed,
// and the answer that a plain loop gives. The plugin is the program itself, see Main.
package work

import (
	"bufio"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// Kind is a shape of job.
type Kind string

// The kinds of work.
const (
	Words Kind = "words" // word count: folded by the engine, no reduce function
	Logs  Kind = "logs"  // an access log by route: folded by the job's own function, reduced
	Sort  Kind = "sort"  // every line is a key of its own
	Skew  Kind = "skew"  // one key has 40 % of the rows, and nothing is folded
	Big   Kind = "big"   // values of up to 400 KiB

	Stages Kind = "stages" // sums by user, and a second stage that joins them with the names of some
	Picks  Kind = "picks"  // a job that only maps, with a named output
)

// Kinds lists them.
var Kinds = []Kind{Words, Logs, Sort, Skew, Big, Stages, Picks}

// Spec says which work. The same Spec is the same input and answer.
type Spec struct {
	Kind  Kind
	Seed  uint64
	Files int
	Lines int           // a file; Big, whose rows are large, takes a hundredth of it
	Pace  time.Duration // a record takes at least so long to map; as Lines, a hundred times it for Big
}

// namesFile is the second input of Stages.
const namesFile = "names.txt"

// users is how many there are in Stages; each has some lines.
func (s Spec) users() int { return max(1, s.Files*s.Lines/16) }

// Inputs are the arguments that name the inputs of `mrctl submit`, once they have been written into a folder.
func (s Spec) Inputs(folder string) []string {
	if s.Kind != Stages {
		return []string{folder}
	}
	return []string{"--input", "log=" + folder + "/[0-9]*.txt", "--input", "names=" + folder + "/" + namesFile}
}

// scaled is how many lines a file has and what one takes.
func (s Spec) scaled() (lines int, pace time.Duration) {
	if s.Kind == Big {
		return max(1, s.Lines/100), 100 * s.Pace
	}
	return s.Lines, s.Pace
}

// Args are the plugin's flags.
func (s Spec) Args() []string {
	_, pace := s.scaled()
	return []string{"-work", string(s.Kind), "-pace", pace.String()}
}

// Sleeps is how long all maps together sleep.
func (s Spec) Sleeps() time.Duration {
	lines, pace := s.scaled()
	if s.Kind == Stages { // the rows of the first stage are records of the second
		return time.Duration(s.Files*lines+s.users()) * pace
	}
	return time.Duration(s.Files*lines) * pace
}

// Write writes the input, a file each, into a folder.
func (s Spec) Write(dir string) error {
	for i := range s.Files {
		if err := writeFile(filepath.Join(dir, fmt.Sprintf("%03d.txt", i)), s.lines(i)); err != nil {
			return err
		}
	}
	if s.Kind == Stages {
		return writeFile(filepath.Join(dir, namesFile), s.names())
	}
	return nil
}

func writeFile(path string, lines iter.Seq[string]) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	for line := range lines {
		fmt.Fprintln(w, line) // Flush tells what went wrong
	}
	if err := w.Flush(); err != nil {
		_ = f.Close() // it is no input any more
		return err
	}
	return f.Close()
}

// lines are those of one file.
func (s Spec) lines(file int) iter.Seq[string] {
	lines, _ := s.scaled()
	return func(yield func(string) bool) {
		r := rand.New(rand.NewPCG(s.Seed, uint64(file)))
		z := rand.NewZipf(r, 1.2, 1, 3000)
		for n := range lines {
			if !yield(s.line(r, z, file*lines+n)) {
				return
			}
		}
	}
}

// line makes record n.
func (s Spec) line(r *rand.Rand, z *rand.Zipf, n int) string {
	switch s.Kind {
	case Words:
		line := "w" + strconv.FormatUint(z.Uint64(), 10)
		for range r.IntN(8) {
			line += " w" + strconv.FormatUint(z.Uint64(), 10)
		}
		return line
	case Logs:
		return fmt.Sprintf("/route/%d %d %d", z.Uint64()%200, []int{200, 200, 200, 304, 404, 500}[r.IntN(6)], r.IntN(100_000))
	case Sort:
		return fmt.Sprintf("%016x-%d", r.Uint64(), n)
	case Skew:
		if r.IntN(10) < 4 {
			return "hot " + strconv.Itoa(n)
		}
		return fmt.Sprintf("k%d %d", z.Uint64(), n)
	case Stages:
		return fmt.Sprintf("u%d %d", n%s.users(), r.IntN(1000))
	case Picks:
		return fmt.Sprintf("p%d %d", z.Uint64(), n)
	default: // Big
		return fmt.Sprintf("g%d %d %d", r.IntN(5), r.IntN(400<<10), n)
	}
}

// names are the lines of the second input of Stages: two users of three have a name.
func (s Spec) names() iter.Seq[string] {
	return func(yield func(string) bool) {
		for u := range s.users() {
			if u%3 != 0 && !yield(fmt.Sprintf("u%d name-%d", u, u)) {
				return
			}
		}
	}
}
