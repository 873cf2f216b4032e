package meta

import (
	"fmt"

	"pgregory.net/rapid"

	"github.com/mrctl/mrctl/jobs/spec"
)

// Trial is a job with all that should make no difference to its answer. It is a value: rapid draws it, and makes it
// smaller when it fails.
type Trial struct {
	// What the answer follows from.
	Kind  Kind
	Input Input
	Bad   int // every Bad-th record is one the map gives up; 0: none

	// What it must not depend on.
	SplitSize  int64
	Partitions int
	Sorted     bool // parts are ordered overall
	Workers    int
	Slots      int    // of a worker
	Memory     int64  // of a slot, in bytes
	Codec      string // of runs
	Shuffle    string // where runs are kept
	Remote     bool   // inputs are read as from a bucket, not as files
	Plugin     []PluginFault
	Losses     []Loss
	Store      StoreFaults
}

// PluginFault is something the job's functions do once: the first time that a record or a group of that number comes by.
type PluginFault struct {
	Reduce bool
	At     int64
	How    string // panic, error or exit (which ends the goroutine, as testing's FailNow does)
}

// Loss is a process that ends once the functions have been called so often in all, and is replaced.
type Loss struct {
	How    How
	Worker int // which, of those that run
	After  int64
}

// How is a way to end.
type How string

// The ways.
const (
	Stopped  How = "stopped"  // a worker, in the middle of things
	Drained  How = "drained"  // a worker, in order
	Deposed  How = "deposed"  // the leader, who gives up his lease
	Vanished How = "vanished" // the leader, whose lease runs on
)

// StoreFaults are shares of calls that go wrong.
type StoreFaults struct {
	Seed                                 uint64
	LoseRequest, LoseReply, Refuse, Late float64
	Input                                float64 // of reads of the input that break off or are refused
}

func (tr Trial) String() string {
	type fields Trial // without methods: else this is called again
	return fmt.Sprintf("%+v", fields(tr))
}

// trials draws trials. Small numbers are the simple ones: rapid shrinks towards them.
func trials(t *rapid.T) Trial {
	tr := Trial{
		Kind: rapid.SampledFrom(kinds).Draw(t, "kind"),
		Input: Input{
			Seed:  rapid.Uint64Range(0, 1000).Draw(t, "input seed"),
			Files: rapid.IntRange(1, 6).Draw(t, "files"),
			Lines: rapid.OneOf(rapid.IntRange(0, 40), rapid.IntRange(0, 4000)).Draw(t, "lines"),
			Keys:  rapid.OneOf(rapid.IntRange(1, 5), rapid.IntRange(1, 5000)).Draw(t, "keys"),
			Heavy: rapid.SampledFrom([]int{0, 0, 30, 95}).Draw(t, "heavy"),
			Wide:  rapid.OneOf(rapid.IntRange(0, 10), rapid.IntRange(0, 3000)).Draw(t, "wide"),
			CRLF:  rapid.Bool().Draw(t, "crlf"),
			Form:  rapid.SampledFrom(forms).Draw(t, "form"),
		},
		Bad:        rapid.SampledFrom([]int{0, 0, 0, 7, 1}).Draw(t, "bad"),
		SplitSize:  rapid.OneOf(rapid.Int64Range(1000, 20_000), rapid.Int64Range(20_000, 10_000_000)).Draw(t, "split"),
		Partitions: rapid.IntRange(1, 9).Draw(t, "partitions"),
		Sorted:     rapid.Bool().Draw(t, "sorted"),
		Workers:    rapid.IntRange(1, 3).Draw(t, "workers"),
		Slots:      rapid.IntRange(1, 3).Draw(t, "slots"),
		Memory:     rapid.SampledFrom([]int64{8 << 20, 9 << 20, 32 << 20}).Draw(t, "memory"),
		Codec:      rapid.SampledFrom([]string{"none", "lz4", "zstd"}).Draw(t, "codec"),
		Shuffle:    rapid.SampledFrom([]string{spec.ShuffleWorker, spec.ShuffleStore}).Draw(t, "shuffle"),
		Remote:     rapid.Bool().Draw(t, "remote"),
	}
	if tr.Input.Form.rows() && (tr.Kind == Words || tr.Kind == Identity) { // which take lines
		tr.Input.Form = Plain
	}
	if tr.Kind == Joined { // whose groups have an order of their own, and so a Partition
		tr.Sorted = false
	}
	if tr.Input.Form == Bzip2 && tr.Input.size() > 1<<20 { // it is dear to write
		tr.Input.Form = Gzip
	}
	// A split of a thousand bytes of megabytes is another test's: here it would only take time.
	tr.SplitSize = max(tr.SplitSize, tr.Input.size()/100)
	calls := max(1, int64(tr.Input.Files*tr.Input.Lines))
	// Three at most: a task may fail four times.
	for range rapid.SampledFrom([]int{0, 0, 1, 3}).Draw(t, "plugin faults") {
		tr.Plugin = append(tr.Plugin, PluginFault{
			Reduce: rapid.Bool().Draw(t, "in reduce"),
			At:     rapid.Int64Range(1, calls).Draw(t, "at"),
			How:    rapid.SampledFrom([]string{"error", "panic", "exit"}).Draw(t, "how"),
		})
	}
	for range rapid.SampledFrom([]int{0, 0, 0, 0, 1, 2}).Draw(t, "losses") {
		tr.Losses = append(tr.Losses, Loss{
			How:    rapid.SampledFrom([]How{Stopped, Drained, Stopped, Drained, Stopped, Drained, Deposed, Vanished}).Draw(t, "end"),
			Worker: rapid.IntRange(0, 2).Draw(t, "worker"),
			After:  rapid.Int64Range(1, 2*calls).Draw(t, "after"),
		})
	}
	if rapid.Bool().Draw(t, "store faults") {
		share := rapid.SampledFrom([]float64{0, 0.01, 0.05})
		tr.Store = StoreFaults{
			Seed:        rapid.Uint64().Draw(t, "store seed"),
			LoseRequest: share.Draw(t, "lost requests"), LoseReply: share.Draw(t, "lost replies"), Refuse: share.Draw(t, "refused"),
			Late: share.Draw(t, "late"), Input: share.Draw(t, "bad reads"),
		}
	}
	return tr
}
