package integration

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mrctl/mrctl/integration/cluster"
)

// TestReplayOfFailures: a map that failed in mrctl run fails again when it is replayed, with the same words, and goes well
// with a plugin that has been mended.
func TestReplayOfFailures(t *testing.T) {
	ctx := deadline(t, 2*time.Minute)
	dir := t.TempDir()
	in := filepath.Join(dir, "in.txt")
	write(t, in, "fine\nalso fine\nthen BOOM here\nfine\n")
	for how, place := range map[string]string{"error": "at byte 15: told to fail", "panic": "at byte 15: panic: told to panic", "exit": "at byte 15: this record alone kills the plugin"} {
		t.Run(how, func(t *testing.T) {
			r := mrctl(t, ctx, "run", plugin(t, "misbehave"), in, "-o", filepath.Join(dir, how), "--json", "--max-attempts", "1", "--slots", "1", "--", "-how", how)
			id := idOf(r.Out)
			if r.Code != 1 || !strings.Contains(r.Err, place) {
				t.Fatalf("the run: exit %d\n%s", r.Code, r.Err)
			}
			again := mrctl(t, ctx, "replay", id, "map/0")
			if again.Code != 1 || !strings.Contains(again.Err, "mrctl: map "+in+" "+place) || !strings.Contains(again.Err, "then: attempt map/0.0 on worker") || again.Out != "" {
				t.Errorf("replayed: exit %d, %q\n%s", again.Code, again.Out, again.Err)
			}
			other := mrctl(t, ctx, "replay", id, "map/0", "0", "--plugin", wordcount(t), "--quiet")
			if other.Code != 2 || !strings.Contains(other.Err, "-how") { // it has no such flag, and is given the job's
				t.Errorf("by a plugin with other flags: exit %d\n%s", other.Code, other.Err)
			}
			mended := mrctl(t, ctx, "replay", id, "map/0", "--", "-at", "no such text")
			if mended.Code != 0 || len(sortedLines(mended.Out)) != 5 {
				t.Errorf("with flags that mend it: exit %d, %q\n%s", mended.Code, mended.Out, mended.Err)
			}
		})
	}
	r := mrctl(t, ctx, "run", wordcount(t), in, "-o", filepath.Join(dir, "good"), "--json")
	id := idOf(r.Out)
	if gone := mrctl(t, ctx, "replay", id, "map/0"); gone.Code == 0 || !strings.Contains(gone.Err, "--plugin") {
		t.Errorf("without a plugin: exit %d\n%s", gone.Code, gone.Err)
	}
	good := mrctl(t, ctx, "replay", id, "map/0", "--plugin", wordcount(t))
	if lines := sortedLines(good.Out); good.Code != 0 || !slices.Equal(lines, []string{"BOOM\t1", "also\t1", "fine\t3", "here\t1", "then\t1"}) ||
		!strings.Contains(good.Err, "4 records") || !strings.Contains(good.Err, "combined") {
		t.Errorf("exit %d, %q\n%s", good.Code, lines, good.Err)
	}
	if r := mrctl(t, ctx, "replay", id, "map/0", "5", "--plugin", wordcount(t)); r.Code == 0 || !strings.Contains(r.Err, "no attempt 5") {
		t.Errorf("an attempt that never was: exit %d\n%s", r.Code, r.Err)
	}
	write(t, in, "quite another text\n")
	if r := mrctl(t, ctx, "replay", id, "map/0", "--plugin", wordcount(t)); r.Code == 0 || !strings.Contains(r.Err, in+" is not what the job read") || r.Out != "" {
		t.Errorf("an input that has changed: exit %d, %q\n%s", r.Code, r.Out, r.Err)
	}
}

func sortedLines(text string) []string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	slices.Sort(lines)
	return lines
}

// TestReplayOnCluster: what tasks of a job of a cluster give again is what they gave: the reduces its parts, byte by byte, and the
// maps the counts of their pieces.
func TestReplayOnCluster(t *testing.T) {
	ctx := deadline(t, 2*time.Minute)
	dir, in := t.TempDir(), textTree(t, 3, 2000)
	store := filepath.Join(dir, "store")
	c, err := cluster.Start(ctx, cluster.Options{Binary: binary(t), Dir: dir, Store: store, Env: private(t), Coordinators: 1, Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Stop() }()
	for _, order := range []string{"hashed", "sorted"} {
		out := filepath.Join(dir, order)
		args := []string{wordcount(t), in, "-o", out, "--partitions", "3", "--split-size", "20KB"}
		if order == "sorted" {
			args = append(args, "--sorted")
		}
		id, err := c.Submit(ctx, args...)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.WaitDone(ctx, id); err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			part, err := os.ReadFile(filepath.Join(out, fmt.Sprintf("part-%05d.tsv", i)))
			if err != nil {
				t.Fatal(err)
			}
			r, err := c.Mrctl(ctx, "replay", id, fmt.Sprintf("reduce/%d", i))
			if err != nil || r.Code != 0 || r.Out != string(part) || len(part) == 0 {
				t.Errorf("%s reduce/%d: exit %d, %d bytes of %d, %v\n%s", order, i, r.Code, len(r.Out), len(part), err, r.Err)
			}
		}
		if r, err := c.Mrctl(ctx, "replay", id, "map/10000"); err != nil || r.Code == 0 || !strings.Contains(r.Err, "no such task") {
			t.Errorf("%s map/10000: exit %d, %v\n%s", order, r.Code, err, r.Err)
		}
		r, err := c.Mrctl(ctx, "replay", id, "map/0")
		read := regexp.MustCompile(`reads (\S+) from byte (\d+) to (\d+)`).FindStringSubmatch(r.Err)
		if err != nil || r.Code != 0 || read == nil {
			t.Fatalf("%s map/0: exit %d, %v\n%s", order, r.Code, err, r.Err)
		}
		if want := countsBetween(t, read[1], read[2], read[3]); !slices.Equal(sortedLines(r.Out), want) || len(want) < 100 {
			t.Errorf("%s map/0: %d pairs, by hand %d", order, strings.Count(r.Out, "\n"), len(want))
		}
	}
}

// TestReplayOfMapsAlone: of a job without a reduce a map gives its part again.
func TestReplayOfMapsAlone(t *testing.T) {
	ctx := deadline(t, time.Minute)
	in, out := textTree(t, 1, 2000), filepath.Join(t.TempDir(), "out")
	grep := build(t, "github.com/mrctl/mrctl/examples/grep")
	r := mrctl(t, ctx, "run", grep, in, "-o", out, "--split-size", "10KB", "--json", "--", "-e", "w17 ")
	if r.Code != 0 {
		t.Fatalf("the run: exit %d\n%s", r.Code, r.Err)
	}
	part, err := os.ReadFile(filepath.Join(out, "part-00001.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	again := mrctl(t, ctx, "replay", idOf(r.Out), "map/1", "--plugin", grep)
	if again.Code != 0 || again.Out != string(part) || len(part) == 0 {
		t.Errorf("exit %d, %d bytes of %d\n%s", again.Code, len(again.Out), len(part), again.Err)
	}
	if r := mrctl(t, ctx, "replay", idOf(r.Out), "reduce/0", "--plugin", grep); r.Code == 0 || !strings.Contains(r.Err, "maps alone") {
		t.Errorf("a reduce of it: exit %d\n%s", r.Code, r.Err)
	}
}

// countsBetween counts the words of the lines that begin between two bytes of a file.
func countsBetween(t *testing.T, path, from, to string) (rows []string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var lo, hi int
	if _, err := fmt.Sscan(from+" "+to, &lo, &hi); err != nil {
		t.Fatal(err)
	}
	words, at := map[string]int{}, 0
	for line := range bytes.Lines(text) {
		if at >= lo && at < hi {
			for w := range bytes.FieldsSeq(line) {
				words[string(w)]++
			}
		}
		at += len(line)
	}
	for w, n := range words {
		rows = append(rows, fmt.Sprintf("%s\t%d", w, n))
	}
	slices.Sort(rows)
	return rows
}

// TestReplayWaitsForADebugger: with --debug the plugin stands there, named, until Enter is pressed.
func TestReplayWaitsForADebugger(t *testing.T) {
	ctx := deadline(t, time.Minute)
	dir := t.TempDir()
	in := filepath.Join(dir, "in.txt")
	write(t, in, "BOOM\n")
	r := mrctl(t, ctx, "run", plugin(t, "misbehave"), in, "-o", filepath.Join(dir, "out"), "--max-attempts", "1", "--json", "--", "-how", "panic")
	cmd := exec.CommandContext(ctx, binary(t), "replay", idOf(r.Out), "map/0", "--debug")
	cmd.Env = append(os.Environ(), private(t)...)
	enter, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(dir, "log")
	f, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cmd.Stdout, cmd.Stderr = f, f
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := func() string {
		b, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	pid := 0
	err = cluster.Until(ctx, "the process to be named", func() (bool, error) {
		_, rest, ok := strings.Cut(said(), "dlv attach ")
		if !ok || !strings.Contains(rest, "press Enter") {
			return false, nil
		}
		_, err := fmt.Sscan(rest, &pid)
		return true, err
	})
	if err == nil {
		err = syscall.Kill(pid, 0) // it is there
	}
	if err != nil || strings.Contains(said(), "mrctl: map") {
		t.Errorf("process %d: %v\n%s", pid, err, said())
	}
	if _, err := fmt.Fprintln(enter); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != 1 || !strings.Contains(said(), "mrctl: map "+in+" at byte 0: panic: told to panic") {
		t.Errorf("%v\n%s", err, said())
	}
}
