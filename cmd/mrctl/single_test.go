package main

import (
	"os"
	"strings"
	"testing"

	"github.com/mrctl/mrctl/internal/ledger"
)

// A single file gets the part of the job, in the format that its name says, and nothing else lies beside it.
func TestRunWritesOneFile(t *testing.T) {
	atHome(t)
	var got ledger.Job
	s := fakeServers(func(j *ledger.Job) []string { got = *j; return []string{"a\t1\n"} })
	if err := os.Mkdir("out", 0o700); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (string, int) {
		_, errOut, code := mrctl(t, s, append(append([]string{"run", testPlugin(t), "in.txt"}, args...), pluginArgs...)...)
		return errOut, code
	}
	if errOut, code := run("-o", "out/words.tsv.gz", "--single"); code != 0 || !strings.Contains(errOut, "out/words.tsv.gz, took") {
		t.Fatalf("exit %d\n%s", code, errOut)
	}
	if sp := got.Spec; sp.Partitions != 1 || sp.OutputFormat != "tsv.gz" || sp.Output != "" {
		t.Errorf("spec %+v", sp)
	}
	if body, err := os.ReadFile("out/words.tsv.gz"); err != nil || string(body) != "a\t1\n" {
		t.Errorf("%q, %v", body, err)
	}
	if list, err := os.ReadDir("out"); err != nil || len(list) != 1 {
		t.Errorf("%v, %v", list, err)
	}
	got = ledger.Job{}
	for want, args := range map[string][]string{
		"it is there already":        {"-o", "out/words.tsv.gz", "--single"},
		"its name is that of csv":    {"-o", "out/words.csv", "--single", "--output-format", "jsonl"},
		"a single part is one":       {"-o", "out/words", "--single", "--partitions", "2"},
		"what is printed is not":     {"--output-compression", "gzip"},
		"cannot be printed":          {"--output-format", "parquet"},
		"is not compressed from out": {"-o", "out/x", "--output-format", "arrow", "--output-compression", "zstd"},
	} {
		if errOut, code := run(args...); code != exitUsage || !strings.Contains(errOut, want) || got.ID != "" {
			t.Errorf("%v: exit %d\n%s", args, code, errOut)
		}
	}
	// Without the name of a format it is a folder, of one part.
	if errOut, code := run("-o", "out/words", "--single"); code != 0 || got.Spec.Partitions != 1 || !strings.HasSuffix(got.Spec.Output, "/out/words") {
		t.Errorf("exit %d\n%s", code, errOut)
	}
}

// Parts of csv have a header each, what is printed has one.
func TestRunPrintsOneHeader(t *testing.T) {
	atHome(t)
	s := fakeServers(func(*ledger.Job) []string { return []string{"word,n\na,1\n", "word,n\nb,2\n"} })
	args := append([]string{"run", testPlugin(t), "in.txt", "--output-format", "csv"}, pluginArgs...)
	if out, errOut, code := mrctl(t, s, args...); code != 0 || out != "word,n\na,1\nb,2\n" {
		t.Errorf("exit %d\n%s%s", code, out, errOut)
	}
}
