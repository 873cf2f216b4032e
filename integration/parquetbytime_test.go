package integration

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/metadata"
)

// span is what the statistics of a part say: how many rows it has, and the least and greatest of their times in nanoseconds.
type span struct{ rows, first, last int64 }

func spanOf(t *testing.T, path string) span {
	t.Helper()
	r, err := file.OpenParquetFile(path, false)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }() // it was read
	s := span{rows: r.NumRows()}
	at := r.MetaData().Schema.ColumnIndexByName("time")
	for i := range r.NumRowGroups() {
		c, err := r.RowGroup(i).MetaData().ColumnChunk(at)
		if err != nil {
			t.Fatal(err)
		}
		stats, err := c.Statistics()
		if err != nil {
			t.Fatal(err)
		}
		times, ok := stats.(*metadata.Int64Statistics)
		if !ok || !times.HasMinMax() {
			t.Fatalf("%s: statistics %T without a least and a greatest", path, stats)
		}
		if i == 0 {
			s.first = times.Min()
		} else if times.Min() < s.last {
			t.Errorf("%s: row group %d begins at %d, and the one before ends at %d", path, i, times.Min(), s.last)
		}
		s.last = times.Max()
	}
	return s
}

// TestParquetByTime: events that come in no order become parts that are ranges of time, as their statistics say, and another
// program that reads a day of them finds all of it.
func TestParquetByTime(t *testing.T) {
	ctx := deadline(t, 2*time.Minute)
	const events, days, parts, bad = 24_000, 8, 4, 3
	begin := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	r := rand.New(rand.NewPCG(11, 22))
	dir, out := t.TempDir(), filepath.Join(t.TempDir(), "events")
	files := make([]strings.Builder, 3)
	third, amounts := 0, 0 // events of the third day, and those of them with an amount
	for i := range events {
		day := min(r.IntN(days), r.IntN(days)) // the first ones have the most
		at := begin.AddDate(0, 0, day).Add(time.Duration(r.Int64N(int64(24 * time.Hour))))
		amount := ""
		if i%10 == 0 {
			amount = fmt.Sprintf(`,"amount":%d.5`, i)
		}
		if day == 2 {
			third++
			amounts += min(len(amount), 1)
		}
		fmt.Fprintf(&files[i%3], `{"kind":"k%d","time":"%s","user":"u%d"%s}`+"\n", i%7, at.Format(time.RFC3339Nano), r.IntN(100), amount)
	}
	for i, line := range []string{`{"time":"yesterday","user":"u","kind":"k"}`, `{"time":"1970-01-01T00:00:00Z","user":"u","kind":"k"}`, `{"user":`} {
		fmt.Fprintln(&files[i], line)
	}
	for i := range files {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.jsonl", i)), []byte(files[i].String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"run", build(t, "github.com/mrctl/mrctl/examples/parquetbytime"), dir, "-o", out, "--sorted", "--partitions", fmt.Sprint(parts),
		"--output-format", "parquet", "--split-size", "300KB", "--quiet", "--max-bad-records"}
	if res := mrctl(t, ctx, append(args, fmt.Sprint(bad-1))...); res.Code != 1 {
		t.Errorf("with a bad record too many: exit %d\n%s", res.Code, res.Err)
	}
	if res := mrctl(t, ctx, append(args, fmt.Sprint(bad))...); res.Code != 0 {
		t.Fatalf("exit %d\n%s", res.Code, res.Err)
	}
	rows, last := int64(0), int64(0)
	for i := range parts {
		s := spanOf(t, filepath.Join(out, fmt.Sprintf("part-%05d.parquet", i)))
		rows += s.rows
		if s.rows < events/parts*3/4 || s.rows > events/parts*5/4 {
			t.Errorf("part %d has %d of %d rows", i, s.rows, events)
		}
		if s.first <= last || s.last < s.first {
			t.Errorf("part %d is from %d to %d, and the one before ends at %d", i, s.first, s.last, last)
		}
		last = s.last
	}
	if rows != events {
		t.Errorf("%d rows, want %d", rows, events)
	}
	letters, err := filepath.Glob(filepath.Join(out, "_mrctl-bad", "*.jsonl"))
	if err != nil || len(letters) != bad {
		t.Errorf("dead letters %v (%v)", letters, err)
	}
	said := ""
	for _, name := range letters {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		said += string(text)
	}
	if want := `"record":"{\"time\":\"yesterday\",\"user\":\"u\",\"kind\":\"k\"}"`; !strings.Contains(said, want) || !strings.Contains(said, `"record":"{\"user\":"`) {
		t.Errorf("the dead letters do not say what was read: %s", said)
	}
	t.Run("DuckDB", func(t *testing.T) {
		got := duck(t, fmt.Sprintf(`SELECT count(*), count(amount), count(DISTINCT filename) < %d FROM read_parquet('%s', filename=true)
			WHERE "time" >= TIMESTAMPTZ '2026-11-03 00:00:00+00' AND "time" < TIMESTAMPTZ '2026-11-04 00:00:00+00'`, parts, filepath.Join(out, "part-*.parquet")))
		if want := fmt.Sprintf("%d\t%d\ttrue\n", third, amounts); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

// duck gives the rows of a query of DuckDB, where make bench-duckdb has installed it.
func duck(t *testing.T, query string) string {
	t.Helper()
	tools := os.Getenv("MRCTL_TOOLS")
	if cache, err := os.UserCacheDir(); tools == "" && err == nil {
		tools = filepath.Join(cache, "mrctl-tools")
	}
	found, err := filepath.Glob(filepath.Join(tools, "duckdb-*", "node_modules", "@duckdb", "node-api"))
	node, nodeErr := exec.LookPath("node")
	if err != nil || len(found) == 0 || nodeErr != nil {
		t.Skip("DuckDB is not installed here (make bench-duckdb)")
	}
	out, err := exec.CommandContext(t.Context(), node, filepath.Join("..", "storage", "output", "testdata", "duck.js"), found[len(found)-1], query).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", query, err, out)
	}
	return string(out)
}
