package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/mrctl/mrctl/integration/bench/refs/recsort"
	"github.com/mrctl/mrctl/integration/bench/refs/wordcount"
	"github.com/mrctl/mrctl/integration/bench/report"
)

// The test binary is also a stand-in for mrctl, which counts words and sorts records in the plainest way.
func TestMain(m *testing.M) {
	if os.Getenv("FAKE_MRCTL") != "" && len(os.Args) > 1 && os.Args[1] == "run" {
		if err := fakeRun(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func fakeRun(args []string) error {
	if slices.Contains(args, "--help") {
		fmt.Println("   --key-bytes A:B")
		return nil
	}
	at := slices.Index(args, "-o")
	out, plugin, input := args[at+1], args[len(args)-2], args[len(args)-1]
	if os.Getenv("FAKE_MRCTL") == "fails" {
		return errors.New("fake: out of luck")
	}
	if os.Getenv("FAKE_MRCTL") == "fat" {
		hoard := bytes.Repeat([]byte("x"), 200<<20)
		defer runtime.KeepAlive(hoard)
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	if plugin == sortPlugin {
		if !slices.Contains(args, "--key-bytes") {
			return errors.New("fake: whole records are no keys")
		}
		if err := recsort.File(input, filepath.Join(out, "part-00000.records")); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(out, "_SUCCESS"), nil, 0o600)
	}
	c, err := wordcount.CountFile(input, 1, false)
	if err != nil {
		return err
	}
	if os.Getenv("FAKE_MRCTL") == "wrong" {
		c.Add([]byte("invented"))
	}
	var rows bytes.Buffer
	if err := c.Write(&rows); err != nil {
		return err
	}
	half := bytes.IndexByte(rows.Bytes()[rows.Len()/2:], '\n') + rows.Len()/2 + 1
	return errors.Join(
		os.WriteFile(filepath.Join(out, "part-00000.tsv"), rows.Bytes()[:half], 0o600),
		os.WriteFile(filepath.Join(out, "part-00001.tsv"), rows.Bytes()[half:], 0o600),
		os.WriteFile(filepath.Join(out, "_SUCCESS"), nil, 0o600),
	)
}

// bench runs cases with the fake and gives the report.
func bench(t *testing.T, fake, cases string, more ...string) (report.Report, string, error) {
	t.Helper()
	t.Setenv("FAKE_MRCTL", fake)
	saved := filepath.Join(t.TempDir(), "report.json")
	args := append([]string{"-size", "200000", "-runs", "2", "-quiet", "0", "-cases", cases, "-cache", t.TempDir(), "-scratch", t.TempDir(), "-json", saved}, more...)
	c, err := parse(args, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	chosen, err := choose(c.cases)
	if err != nil {
		t.Fatal(err)
	}
	k, err := newKit(c, nil, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	defer k.close()
	k.build = func(ctx context.Context, pkg string) (string, error) {
		switch pkg {
		case mrctlPkg:
			return os.Executable()
		case refsPkg, sectionsPkg:
			return k.goBuild(ctx, pkg)
		}
		return pkg, nil // the fake knows plugins by name
	}
	var table strings.Builder
	failed := measureAll(t.Context(), c, k, chosen, &table)
	r, err := report.Load(saved)
	if err != nil {
		t.Fatal(err)
	}
	return r, table.String(), failed
}

func TestCasesWithAFake(t *testing.T) {
	r, table, err := bench(t, "right", "start,wc-words,sort")
	if err != nil {
		t.Fatalf("%v\n%s", err, table)
	}
	for i, want := range []struct {
		name  string
		sides int
	}{{"start", 1}, {"wc-words", 3}, {"sort", 3}} {
		got := r.Results[i]
		if got.Case != want.name || got.Error != "" || len(got.Sides)+skippedTools(got) != want.sides || got.Sides[0].Seconds.Median <= 0 {
			t.Errorf("%+v", got)
		}
	}
	if words := r.Results[1]; words.Ratios[0].Must != 0.95 || words.Row != 1 || len(words.Skipped) != 3 || words.MemoryLimit < 1<<30 {
		t.Errorf("%+v", words)
	}
	if !strings.Contains(table, "one thread") {
		t.Error(table)
	}
}

// skippedTools counts the tools of the machine that are missing here.
func skippedTools(r report.Result) (n int) {
	for _, s := range r.Skipped {
		if strings.Contains(s.Why, "not installed") {
			n++
		}
	}
	return n
}

// The shuffle is not mrctl's command, so there is nothing to fake: the real one moves the bytes of a plain stream.
func TestShuffleCases(t *testing.T) {
	r, table, err := bench(t, "", "shuffle,shuffle-tls")
	if err != nil {
		t.Fatalf("%v\n%s", err, table)
	}
	for _, got := range r.Results {
		if got.Error != "" || len(got.Ratios) != 1 || got.Ratios[0].Must < 1.5 || got.Row != 9 {
			t.Errorf("%+v", got)
		}
	}
}

func TestAWrongAnswerFails(t *testing.T) {
	r, table, err := bench(t, "wrong", "wc-words")
	if err == nil || !strings.Contains(table, "the answers differ") || !strings.Contains(table, `only ours: "invented\t1\n"`) || r.Results[0].Ratios != nil {
		t.Errorf("%v\n%s", err, table)
	}
}

func TestAFailureIsTold(t *testing.T) {
	if _, table, err := bench(t, "fails", "start,wc-words"); err == nil || strings.Count(table, "out of luck") != 2 {
		t.Errorf("%v\n%s", err, table)
	}
}

func TestBaseline(t *testing.T) {
	baseline := filepath.Join(t.TempDir(), "baseline.json")
	save := func(ratio float64) {
		t.Helper()
		r := report.Report{Size: 200_000, Memory: "1GiB", Slots: 2, Results: []report.Result{{Case: "wc-words", Ratios: []report.Ratio{{Against: "one thread", Spread: report.Spread{Median: ratio}}}}}}
		if err := r.Save(baseline); err != nil {
			t.Fatal(err)
		}
	}
	save(1000)
	if _, table, err := bench(t, "right", "wc-words", "-check", baseline); err != nil || !strings.Contains(table, "nothing is worse") {
		t.Errorf("%v\n%s", err, table)
	}
	save(0.0001)
	if _, _, err := bench(t, "right", "wc-words", "-check", baseline); err == nil || !strings.Contains(err.Error(), "wc-words against one thread") {
		t.Errorf("a ratio far above the baseline passed: %v", err)
	}
	if _, _, err := bench(t, "right", "start", "-check", baseline); err != nil {
		t.Errorf("a case that nobody asked for was missed: %v", err)
	}
}

func TestCommandLine(t *testing.T) {
	for _, args := range []string{"-size x", "-size 1", "-runs 0", "-nothing", "stray"} {
		if err := run(t.Context(), strings.Fields(args), io.Discard, io.Discard); !errors.Is(err, errUsage) {
			t.Errorf("%s: %v", args, err)
		}
	}
	if err := run(t.Context(), []string{"-h"}, io.Discard, io.Discard); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("-h: %v", err)
	}
	if err := run(t.Context(), []string{"-cases", "poems"}, io.Discard, io.Discard); err == nil {
		t.Error("an unknown case was taken")
	}
	var list strings.Builder
	if err := run(t.Context(), []string{"-list"}, &list, io.Discard); err != nil || strings.Count(list.String(), "\n") != len(table) {
		t.Errorf("%v\n%s", err, list.String())
	}
	all, _ := choose("all")
	usual, _ := choose("")
	if len(all) != len(table) || len(usual) >= len(all) || len(usual) == 0 {
		t.Errorf("%d cases in all, %d usual ones of %d", len(all), len(usual), len(table))
	}
}
