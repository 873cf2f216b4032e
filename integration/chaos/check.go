package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mrctl/mrctl/integration/chaos/work"
	"github.com/mrctl/mrctl/integration/cluster"
	"github.com/mrctl/mrctl/integration/reference"
	"github.com/mrctl/mrctl/internal/ledger"
	"github.com/mrctl/mrctl/storage/output"
)

// conclude looks at the job, its output, what is left, and how the processes end.
func (r *run) conclude(ctx context.Context, id string) error {
	if id != "" {
		phase, ended := r.stage.Ended(ctx, id)
		switch {
		case !ended:
			r.broke("the job has not ended within its bound of %.0f s: it is %s", r.res.Bound, phase)
		case phase != ledger.Done:
			r.broke("the job %s, though everything was mended in time", phase)
		}
		if err := r.checkStatus(ctx, id, phase == ledger.Done); err != nil {
			return err
		}
		if phase == ledger.Done {
			if err := r.checkOutput(ctx, id); err != nil {
				return err
			}
		}
	}
	for _, end := range r.stage.Shutdown(ctx) {
		r.broke("%s", end)
	}
	for _, o := range r.stage.Orphans() {
		r.broke("a process is left: %s", o)
	}
	r.checkLogs()
	if err := r.collect(ctx); err != nil {
		return err
	}
	return r.checkLeft(ctx)
}

// checkStatus holds what the cluster says of the job against the answer.
func (r *run) checkStatus(ctx context.Context, id string, done bool) error {
	var s cluster.Status
	var last cluster.Result
	err := cluster.Until(ctx, "the job's status", func() (ok bool, err error) {
		if last, err = r.stage.Undisturbed(ctx, "status", "--json", id); err != nil || last.Code != 0 {
			return false, err
		}
		return true, json.Unmarshal([]byte(last.Out), &s)
	})
	if err != nil {
		return fmt.Errorf("%w: exit %d, %s", err, last.Code, last.Err)
	}
	if s.Error != "" {
		r.broke("the job's error: %s", s.Error)
	}
	r.happened("%s: %d attempts lost, %d failed, %d tasks kept by epoch %d", s.Phase, s.AttemptsLost, s.AttemptsFailed, s.TasksKept, s.Epoch)
	if !done {
		return nil
	}
	for name, n := range r.answer.Counters {
		if got := s.Counters[name]; got != n {
			r.broke("counter %s is %d, want %d", name, got, n)
		}
	}
	return nil
}

// checkOutput holds the output against the answer.
func (r *run) checkOutput(ctx context.Context, id string) error {
	files, err := r.stage.Output(ctx)
	if err != nil {
		return err
	}
	if r.plan.Work.Kind == work.Picks {
		r.checkPicks(id, files)
		return nil
	}
	var lines []string
	want := []string{"_SUCCESS", "_mrctl"}
	for i := range r.plan.Partitions {
		name := fmt.Sprintf("part-%05d.tsv", i)
		want = append(want, name)
		part := reference.Lines(string(files[name]))
		lines = append(lines, part...)
		if n := firstDisorder(string(files[name])); n != "" {
			r.broke("%s is not in the order of its keys: %q", name, n)
		}
	}
	names := visible(files)
	slices.Sort(want)
	if !slices.Equal(names, want) {
		r.broke("the output folder holds %v, want %v", names, want)
	}
	slices.Sort(lines)
	if diff := reference.Diff(lines, r.answer.Rows); diff != "" {
		r.broke("the output is wrong: %s", diff)
	}
	var manifest struct{ Job string }
	if err := json.Unmarshal(files["_SUCCESS"], &manifest); err != nil || manifest.Job != id {
		r.broke("_SUCCESS is not that of job %s: %s", id, files["_SUCCESS"])
	}
	return nil
}

// checkPicks holds an output of maps against the answer: the rows of both outputs stand in the order of the input.
func (r *run) checkPicks(id string, files map[string][]byte) {
	want, rows := []string{"_SUCCESS", "_mrctl"}, map[string][]string{}
	var m output.Manifest
	if err := json.Unmarshal(files["_SUCCESS"], &m); err != nil || m.Job != id {
		r.broke("_SUCCESS is not that of job %s: %s", id, files["_SUCCESS"])
	}
	for _, p := range m.Parts {
		want = append(want, p.Key)
		for line := range strings.Lines(string(files[p.Key])) {
			rows[output.NameOf(p.Key)] = append(rows[output.NameOf(p.Key)], strings.TrimSuffix(line, "\n"))
		}
	}
	slices.Sort(want)
	if names := visible(files); !slices.Equal(names, want) || len(m.Of("")) != len(m.Of("aside")) {
		r.broke("the output folder holds %v, want %v", names, want)
	}
	for name, answer := range map[string][]string{"": r.answer.Rows, "aside": r.answer.Aside} {
		if diff := reference.Diff(rows[name], answer); diff != "" {
			r.broke("output %q is wrong: %s", name, diff)
		}
	}
}

// visible are the names of what a reader of the output sees, sorted.
func visible(files map[string][]byte) (names []string) {
	for n := range files {
		if !strings.HasPrefix(path.Base(n), ".") {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	return names
}

// firstDisorder finds a key that is less than the one before it.
func firstDisorder(part string) string {
	last := ""
	for line := range strings.Lines(part) {
		key, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if key < last {
			return key
		}
		last = key
	}
	return ""
}

// checkLogs looks for what no process may ever say.
func (r *run) checkLogs() {
	logs, _ := filepath.Glob(r.stage.Local("logs/*.log")) // the pattern is a good one
	for _, path := range logs {
		text, err := os.ReadFile(path)
		if err != nil {
			r.broke("%v", err)
		}
		for _, bad := range []string{"\npanic: ", "\nfatal error: ", "WARNING: DATA RACE"} {
			if i := bytes.Index(text, []byte(bad)); i >= 0 {
				line, _, _ := bytes.Cut(text[i+1:], []byte("\n"))
				r.broke("%s: %s", filepath.Base(path), line)
			}
		}
	}
}
