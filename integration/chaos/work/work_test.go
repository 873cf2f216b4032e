package work

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mrctl/mrctl/integration/reference"
)

// TestMain makes the test binary the plugin run by hand, which needs no cluster.
func TestMain(m *testing.M) {
	if os.Getenv("MRCTL_WORK_BY_HAND") != "" {
		Main()
		return
	}
	os.Exit(m.Run())
}

// TestJobsGiveTheAnswer: the jobs and the plain loop agree, when nothing goes wrong.
func TestJobsGiveTheAnswer(t *testing.T) {
	for _, kind := range Kinds {
		t.Run(string(kind), func(t *testing.T) {
			s := Spec{Kind: kind, Seed: 7, Files: 3, Lines: 400}
			dir := t.TempDir()
			if err := s.Write(dir); err != nil {
				t.Fatal(err)
			}
			files, err := filepath.Glob(filepath.Join(dir, "[0-9]*"))
			if err != nil || len(files) != s.Files {
				t.Fatal(files, err)
			}
			if kind == Stages { // as inputs are named by hand
				for i := range files {
					files[i] = "log=" + files[i]
				}
				files = append(files, "names="+filepath.Join(dir, namesFile))
			}
			cmd := exec.Command(os.Args[0], append(s.Args(), files...)...)
			cmd.Env = append(os.Environ(), "MRCTL_WORK_BY_HAND=1")
			var out, errs bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &errs
			if err := cmd.Run(); err != nil {
				t.Fatalf("%v\n%s", err, errs.String())
			}
			a := s.Answer()
			got := reference.Lines(out.String())
			if kind == Picks {
				got = strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
			}
			if diff := reference.Diff(got, a.Rows); diff != "" {
				t.Error(diff)
			}
			if n := a.Counters["map.records_in"]; n == 0 || a.Counters["map.pairs_out"]+int64(len(a.Aside)) < n || len(a.Rows) == 0 {
				t.Errorf("%v, %d rows", a.Counters, len(a.Rows))
			}
		})
	}
}

// TestOutputNeedsNoEscapes: the parts are checked for the order of their keys, which holds for the text only while
// keys are written as they are.
func TestOutputNeedsNoEscapes(t *testing.T) {
	for _, kind := range Kinds {
		rows := Spec{Kind: kind, Seed: 1, Files: 1, Lines: 300}.Answer().Rows
		if i := slices.IndexFunc(rows, func(r string) bool { return strings.ContainsAny(r, "\\\r\n") }); i >= 0 {
			t.Errorf("%s: %q", kind, rows[i])
		}
	}
}

func TestTheSameSeedIsTheSameInput(t *testing.T) {
	read := func(seed uint64) string {
		dir := t.TempDir()
		if err := (Spec{Kind: Sort, Seed: seed, Files: 1, Lines: 10}).Write(dir); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(filepath.Join(dir, "000.txt"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		var all string
		for lines := bufio.NewScanner(f); lines.Scan(); {
			all += lines.Text() + "\n"
		}
		return all
	}
	if a := read(1); a != read(1) || a == read(2) {
		t.Error("the input does not follow from the seed alone")
	}
}
