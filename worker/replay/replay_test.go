package replay

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/jobs"
	"github.com/mrctl/mrctl/jobs/spec"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/dataset"
	"github.com/mrctl/mrctl/storage/local"
	"github.com/mrctl/mrctl/storage/mem"
	"github.com/mrctl/mrctl/worker/pluginhost"
	"github.com/mrctl/mrctl/worker/runs"
)

// TestMain serves as the plugin of the tests where it is started as one: it counts words.
func TestMain(m *testing.M) {
	if os.Getenv(boundary.Handshake.MagicCookieKey) == "" {
		os.Exit(m.Run())
	}
	flag.String("kind", "", "which job") // looked for below: the job is made before flags are parsed
	job := jobs.Job[string, string, int64, jobs.Pair[string, int64]]{
		Name: "test",
		Map: func(_ context.Context, line string, emit func(string, int64)) error {
			switch line {
			case "exit":
				os.Exit(7)
			case "fail":
				return errors.New("no good")
			case "bad":
				return jobs.BadRecord(errors.New("not read"))
			}
			for word := range jobs.Words(line) {
				emit(word, 1)
			}
			return nil
		},
	}
	switch {
	case slices.Contains(os.Args, "-kind=parted"):
		job.Partition = func(word string, n int) int { return len(word) % n }
		fallthrough
	case slices.Contains(os.Args, "-kind=reduced"):
		job.Reduce = func(_ context.Context, word string, ones iter.Seq[int64], emit func(jobs.Pair[string, int64])) error {
			var sum int64
			for n := range ones {
				sum += n
			}
			if word == "poison" {
				return errors.New("no sum")
			}
			emit(jobs.Pair[string, int64]{Key: word, Value: sum})
			return nil
		}
	default:
		job.Combine = jobs.Sum[int64]()
	}
	jobs.Main(job)
}

// world is a job in a store, planned, as a cluster would leave it.
type world struct {
	storage.Store
	t     *testing.T
	files storage.Source
	id    string
	paths []string
	rec   ledger.Job
	head  dataset.Head
	args  []string
}

// Source and Output implement storage.Places.
func (w *world) Source(uri string) (storage.Source, string, error) { return w.files, uri[1:], nil }
func (w *world) Output(string) (storage.Store, error) {
	return nil, errors.New("nothing is written")
}

const partitions = 3

// newWorld plans a job with a split for each text.
func newWorld(t *testing.T, args []string, texts ...string) *world {
	t.Helper()
	files, err := local.NewSource("/")
	if err != nil {
		t.Fatal(err)
	}
	about, err := pluginhost.DescribeBinary(t.Context(), os.Args[0], args)
	if err != nil {
		t.Fatal(err)
	}
	stage, err := proto.Marshal(about.GetStages()[0])
	if err != nil {
		t.Fatal(err)
	}
	w := &world{Store: mem.New(), t: t, files: files, id: ledger.NewJobID(), args: args}
	plan, dir := dataset.NewPlanWriter(w, w.id), t.TempDir()
	for i, text := range texts {
		path := filepath.Join(dir, fmt.Sprintf("%d.txt", i))
		w.paths = append(w.paths, path)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		info, err := files.Stat(t.Context(), path[1:])
		if err != nil {
			t.Fatal(err)
		}
		n := int64(len(text))
		if err := plan.Add(t.Context(), dataset.Split{Bytes: n, Pieces: []dataset.Piece{{URI: path, Size: n, Version: info.Version, Len: n}}}); err != nil {
			t.Fatal(err)
		}
	}
	if w.head, err = plan.Finish(t.Context(), dataset.Head{Partitions: partitions, Stage: stage}); err != nil {
		t.Fatal(err)
	}
	w.rec = ledger.Job{V: ledger.JobV, ID: w.id, Epoch: 1, Nonce: ledger.NewNonce(), Seq: 1, Claims: 1, Phase: ledger.Running,
		Maps: len(texts), Reduces: partitions, Spec: spec.Job{Name: "test", Plugins: map[string]string{"any": "x"}, Args: args, Stage: stage, Inputs: []string{"/in"}, Output: "/out"}}
	w.save("")
	return w
}

// save writes the job's record, in place of another version.
func (w *world) save(over storage.Version) storage.Version {
	w.t.Helper()
	body, err := json.Marshal(w.rec)
	if err == nil {
		over, err = w.PutIf(w.t.Context(), ledger.JobKey(w.id), body, over)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return over
}

// change changes the job's record.
func (w *world) change(f func(*ledger.Job)) {
	w.t.Helper()
	info, err := w.Stat(w.t.Context(), ledger.JobKey(w.id))
	if err != nil {
		w.t.Fatal(err)
	}
	f(&w.rec)
	w.save(info.Version)
}

func (w *world) config() Config {
	return Config{Store: w, Places: w, Plugin: os.Args[0], Scratch: w.t.TempDir(), Slots: 1, Memory: 64 << 20, Stderr: io.Discard,
		Say: func(text string) { w.t.Log(text) }}
}

// replay runs a task again and gives its rows, sorted.
func (w *world) replay(phase ledger.TaskPhase, index int, change ...func(*Config)) ([]string, error) {
	cfg := w.config()
	for _, f := range change {
		f(&cfg)
	}
	var out bytes.Buffer
	_, err := Run(w.t.Context(), cfg, Task{Job: w.id, Phase: phase, Index: index, Attempt: -1}, &out)
	lines := slices.Sorted(strings.Lines(out.String()))
	if err != nil && len(lines) > 0 {
		w.t.Errorf("an attempt that failed has put out %q", lines)
	}
	return lines, err
}

// counts are the lines of a word count of texts, each followed by a line end.
func counts(texts ...string) []string {
	n := map[string]int{}
	for _, text := range texts {
		for word := range strings.FieldsSeq(text) {
			n[word]++
		}
	}
	var lines []string
	for word, c := range n {
		lines = append(lines, fmt.Sprintf("%s\t%d\n", word, c))
	}
	slices.Sort(lines)
	return lines
}

var hamlet = []string{"to be or not to be\nthat is the question\n", "whether tis nobler in the mind\nto suffer\n", "\n", "the slings and arrows of outrageous fortune\nor to take arms\n"}

// TestMap: the pairs of a map are those of its split, combined where the job combines.
func TestMap(t *testing.T) {
	w := newWorld(t, nil, hamlet...)
	for i, text := range hamlet {
		if got, err := w.replay(ledger.Map, i); err != nil || !slices.Equal(got, counts(text)) {
			t.Errorf("map/%d: %q, %v", i, got, err)
		}
	}
	w = newWorld(t, []string{"-kind=reduced"}, hamlet...)
	got, err := w.replay(ledger.Map, 0)
	var want []string
	for word := range strings.FieldsSeq(hamlet[0]) {
		want = append(want, word+"\t1\n")
	}
	slices.Sort(want)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("uncombined: %q, %v", got, err)
	}
}

// TestReduces: the partitions together are the result of the job, whoever reduces and however keys are divided.
func TestReduces(t *testing.T) {
	for _, kind := range []string{"folded", "reduced", "parted", "sorted"} {
		t.Run(kind, func(t *testing.T) {
			w := newWorld(t, []string{"-kind=" + kind}, hamlet...)
			if kind == "sorted" {
				w.change(func(j *ledger.Job) { j.Spec.Sorted = true })
				if _, err := w.replay(ledger.Reduce, 0); !errs.Is(err, errs.NotFound) {
					t.Errorf("before the keys are cut: %v", err)
				}
				// Strings are keys as their bytes with an end, so these cut between words.
				if _, err := ledger.CreateCuts(t.Context(), w, ledger.Cuts{Job: w.id, Keys: [][]byte{[]byte("is"), []byte("the")}}); err != nil {
					t.Fatal(err)
				}
			}
			var all []string
			for i := range partitions {
				rows, err := w.replay(ledger.Reduce, i, func(c *Config) { c.Slots = 1 + i }) // maps at once
				if err != nil {
					t.Fatal(err)
				}
				for _, row := range rows {
					word, _, _ := strings.Cut(row, "\t")
					if kind == "parted" && len(word)%partitions != i {
						t.Errorf("%q in partition %d", word, i)
					}
					if kind == "sorted" && (i > 0 && word < "is" || i > 1 && word < "the" || i < 1 && word >= "is" || i < 2 && word >= "the") {
						t.Errorf("%q in part %d", word, i)
					}
				}
				all = append(all, rows...)
			}
			if slices.Sort(all); !slices.Equal(all, counts(hamlet...)) {
				t.Errorf("%q", all)
			}
		})
	}
}

// TestStoredRuns: runs that lie in the store are taken as they are, those of the attempts that the task's winner consumed.
func TestStoredRuns(t *testing.T) {
	w := newWorld(t, []string{"-kind=reduced"}, "a b", "a c")
	store := func(task int, attempt int32, words ...string) ledger.Input {
		path := filepath.Join(t.TempDir(), "run")
		out, err := runs.Create(path, partitions, runs.Options{Digest: runs.SumPairs})
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range words {
			if err := out.Append(&runs.Pair{Key: []byte(word), Val: []byte{0x80, 0, 0, 0, 0, 0, 0, 5}}); err != nil { // 5, as int64s are written
				t.Fatal(err)
			}
		}
		info, err := out.Finish()
		if err != nil {
			t.Fatal(err)
		}
		body, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		s, err := w.Create(t.Context(), ledger.RunKey(w.id, 0, task, attempt), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Write(body); err != nil {
			t.Fatal(err)
		}
		token, err := s.Stage(t.Context())
		if err == nil {
			_, err = w.Publish(t.Context(), token)
		}
		digest := hex.EncodeToString(info.Digest[:])
		if err == nil {
			err = ledger.CreateStored(t.Context(), w, ledger.StoredRun{Job: w.id, Task: task, Attempt: attempt, Digest: digest, Bytes: info.Size})
		}
		if err != nil {
			t.Fatal(err)
		}
		return ledger.Input{Attempt: attempt, Digest: digest}
	}
	consumed := ledger.Inputs{store(0, 0, "x"), store(1, 1, "y")}
	store(0, 1, "later")
	store(1, 0, "earlier")
	for _, path := range w.paths {
		if err := os.Remove(path); err != nil { // nothing is made again
			t.Fatal(err)
		}
	}
	if got, err := w.replay(ledger.Reduce, 0); err != nil || !slices.Equal(got, []string{"later\t5\n", "y\t5\n"}) {
		t.Errorf("without a winner: %q, %v", got, err)
	}
	rec := ledger.TaskRecord{Job: w.id, Phase: ledger.Reduce, Task: 0, Inputs: consumed}
	if _, _, err := ledger.CreateTask(t.Context(), w, rec); err != nil {
		t.Fatal(err)
	}
	if got, err := w.replay(ledger.Reduce, 0); err != nil || !slices.Equal(got, []string{"x\t5\n", "y\t5\n"}) {
		t.Errorf("with a winner: %q, %v", got, err)
	}
	// What another plugin made is of no use to a rebuilt one.
	if _, err := w.replay(ledger.Reduce, 0, func(c *Config) { c.Rebuilt = true }); !errs.Is(err, errs.NotFound) {
		t.Errorf("rebuilt: %v", err)
	}
}

// TestTails: a map whose tail became a task of its own reads what is left to it, and the tail reads the rest.
func TestTails(t *testing.T) {
	w := newWorld(t, nil, "one\ntwo\nthree\n")
	w.change(func(j *ledger.Job) { j.Tails = []dataset.Tail{{Of: 0, At: dataset.Place{Offset: 4}}} })
	for i, want := range [][]string{counts("one"), counts("two three")} {
		if got, err := w.replay(ledger.Map, i); err != nil || !slices.Equal(got, want) {
			t.Errorf("map/%d: %q, %v", i, got, err)
		}
	}
}

// TestFailures: what goes wrong is told as the engine tells it, with the place of the record.
func TestFailures(t *testing.T) {
	w := newWorld(t, nil, "fine\nfail\n", "fine\nfine\nexit\nfine\n", "poison\n")
	var said []string
	hear := func(c *Config) { c.Say = func(text string) { said = append(said, text) } }
	for i, want := range []string{w.paths[0] + " at byte 5: no good", w.paths[1] + " at byte 10: this record alone kills the plugin"} {
		if _, err := w.replay(ledger.Map, i, hear); !errs.Is(err, errs.UserCode) || !strings.Contains(err.Error(), want) {
			t.Errorf("map/%d: %v", i, err)
		}
		if record := []string{`record: "fail"`, `record: "exit"`}[i]; !slices.Contains(said, record) {
			t.Errorf("map/%d: it says %q, not %s", i, said, record)
		}
	}
	w.change(func(j *ledger.Job) { j.Spec.MaxBadRecords = 1 })
	if got, err := w.replay(ledger.Map, 1); err != nil || !slices.Equal(got, counts("fine fine fine")) {
		t.Errorf("a record that kills and may: %q, %v", got, err)
	}
	if _, err := w.replay(ledger.Reduce, 0); !errs.Is(err, errs.UserCode) || !strings.Contains(err.Error(), "run map/0 again") {
		t.Errorf("a reduce of maps that fail: %v", err)
	}
	w = newWorld(t, []string{"-kind=reduced"}, "poison\n")
	failed := 0
	for i := range partitions {
		if _, err := w.replay(ledger.Reduce, i); err != nil && strings.Contains(err.Error(), "no sum") {
			failed++
		}
	}
	if failed != 1 {
		t.Errorf("%d partitions fail of the one that has the word", failed)
	}
}

// TestGone: what is not there any more is said, and nothing else is read in its place.
func TestGone(t *testing.T) {
	w := newWorld(t, nil, "a\n", "b\n")
	if _, err := w.replay(ledger.Map, 2); !errs.Is(err, errs.NotFound) {
		t.Errorf("a task too many: %v", err)
	}
	if _, err := w.replay(ledger.Map, -1); !errs.Is(err, errs.NotFound) {
		t.Errorf("a task before the first: %v", err)
	}
	if err := os.WriteFile(w.paths[0], []byte("something else\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := w.replay(ledger.Map, 0); !errs.Is(err, errs.Conflict) || !strings.Contains(err.Error(), w.paths[0]) {
		t.Errorf("a changed input: %v", err)
	}
	if err := os.Remove(w.paths[1]); err != nil {
		t.Fatal(err)
	}
	if _, err := w.replay(ledger.Map, 1); !errs.Is(err, errs.NotFound) || !strings.Contains(err.Error(), w.paths[1]) {
		t.Errorf("an input that is gone: %v", err)
	}
	w.change(func(j *ledger.Job) { j.Phase = ledger.Failed })
	if err := w.Delete(t.Context(), dataset.PlanHeadKey(w.id)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.replay(ledger.Map, 1); !errs.Is(err, errs.NotFound) || !strings.Contains(err.Error(), "plan of the job is gone") {
		t.Errorf("a plan that is gone: %v", err)
	}
}

// TestDebug: who debugs is told of the process that will do it, before it has a record, and may end it all.
func TestDebug(t *testing.T) {
	w := newWorld(t, nil, "a\n")
	told := 0
	got, err := w.replay(ledger.Map, 0, func(c *Config) {
		c.Debug = func(_ context.Context, pid int) error {
			told++
			exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
			if want, _ := filepath.EvalSymlinks(os.Args[0]); exe != want {
				t.Errorf("process %d runs %s, %v", pid, exe, err)
			}
			return nil
		}
	})
	if told != 1 || err != nil || !slices.Equal(got, counts("a")) {
		t.Errorf("told %d times, then %q, %v", told, got, err)
	}
	enough := errors.New("enough")
	if _, err := w.replay(ledger.Map, 0, func(c *Config) { c.Debug = func(context.Context, int) error { return enough } }); !errors.Is(err, enough) {
		t.Error(err)
	}
}
