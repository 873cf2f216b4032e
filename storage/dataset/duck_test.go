package dataset

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/mrctl/mrctl/internal/codec"
)

// duck runs a query of DuckDB, where make bench-duckdb has installed it.
func duck(t *testing.T, query string) {
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
	script := filepath.Join("..", "output", "testdata", "duck.js")
	if out, err := exec.CommandContext(t.Context(), node, script, found[len(found)-1], query).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", query, err, out)
	}
}

// TestDuckDBWrote: files of another program, of another compression than ours, of several row groups, with nested columns.
func TestDuckDBWrote(t *testing.T) {
	type point struct {
		X int64
		Y *float64
	}
	type row struct {
		ID   int64
		Name *string
		Day  time.Time
		At   time.Time
		Tags []string
		P    point
	}
	c, err := codec.For[row]()
	if err != nil {
		t.Fatal(err)
	}
	const n = 5000
	for _, compression := range []string{"snappy"} {
		path := filepath.Join(t.TempDir(), "d.parquet")
		duck(t, fmt.Sprintf(`COPY (SELECT 'unused' AS other, i::INTEGER AS id, CASE WHEN i %% 3 = 0 THEN NULL ELSE 'n' || (i %% 50) END AS name,
			DATE '2024-01-01' + i::INTEGER AS day, TIMESTAMP '2024-01-01 00:00:00.25' + INTERVAL (i) SECOND AS at,
			CASE WHEN i %% 2 = 0 THEN ['a', 'b' || i] ELSE [] END AS tags, {'x': i, 'y': CASE WHEN i %% 5 = 0 THEN NULL ELSE i / 4 END} AS p
			FROM range(%d) t(i)) TO '%s' (FORMAT parquet, COMPRESSION %s, ROW_GROUP_SIZE 2048)`, n, path, compression))
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		obj := Object{URI: path, Size: info.Size()}
		for _, size := range []int64{20_000} {
			i := 0
			for _, s := range planAll(t, PlanOptions{Format: "auto", SplitSize: size}, obj) {
				r, err := OpenRows(t.Context(), disk{}, s, Options{Format: "auto"}, c.Fields())
				if err != nil {
					t.Fatal(err)
				}
				for b, err := r.Next(t.Context()); err == nil || err.Error() != "EOF"; b, err = r.Next(t.Context()) {
					if err != nil {
						t.Fatal(err)
					}
					for k := range b.Len() {
						got, err := c.Decode(b.Data[b.Off[k]:b.Off[k+1]])
						if err != nil {
							t.Fatal(err)
						}
						at := time.Date(2024, 1, 1, 0, 0, i, 25e7, time.UTC)
						day := time.Date(2024, 1, 1+i, 0, 0, 0, 0, time.UTC)
						named, y := got.Name != nil && *got.Name == fmt.Sprint("n", i%50), got.P.Y != nil && *got.P.Y == float64(i)/4
						tags := len(got.Tags) == 2 && got.Tags[1] == fmt.Sprint("b", i)
						if got.ID != int64(i) || named == (i%3 == 0) || !got.Day.Equal(day) || !got.At.Equal(at) || got.P.X != int64(i) || y == (i%5 == 0) || tags != (i%2 == 0) {
							t.Fatalf("%s, row %d: %+v", compression, i, got)
						}
						i++
					}
				}
				if err := r.Close(); err != nil {
					t.Fatal(err)
				}
			}
			if i != n {
				t.Fatalf("%s in splits of %d: %d rows", compression, size, i)
			}
		}
	}
}
