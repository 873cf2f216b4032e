package output

import (
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// duck runs a query of DuckDB, where make bench-duckdb has installed it.
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
	out, err := exec.CommandContext(t.Context(), node, filepath.Join("testdata", "duck.js"), found[len(found)-1], query).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", query, err, out)
	}
	return string(out)
}

// Another program reads the values that were written, of the types they had.
func TestDuckDBReads(t *testing.T) {
	rows := table(t, []any{"", nil, "é,\"x\"", "last"}, []any{int64(math.MinInt64), int64(math.MaxInt64), nil, int64(0)},
		[]any{uint64(math.MaxUint64), nil, uint64(0), uint64(1)}, []any{math.NaN(), math.Inf(-1), nil, 0.1}, []any{true, nil, false, true},
		[]any{time.Unix(0, 1), nil, time.Unix(-1, 0), time.Unix(1, 0)})
	dir := t.TempDir()
	for _, f := range []Format{Parquet, CSV, "csv.gz", "csv.zst", JSONL} {
		path := filepath.Join(dir, PartName(0, f))
		if err := os.WriteFile(path, []byte(written(t, f, rows)), 0o600); err != nil {
			t.Fatal(err)
		}
		// Types are the file's own in Parquet; text says what it is.
		from := map[Format]string{
			Parquet: "read_parquet('" + path + "')",
			CSV:     "read_csv('" + path + "', header=true, delim=',', quote='\"', allow_quoted_nulls=false, columns={'a':'VARCHAR','b':'BIGINT','c':'UBIGINT','d':'DOUBLE','e':'BOOLEAN','f':'TIMESTAMPTZ'})",
			JSONL:   "read_json('" + path + "', format='newline_delimited', columns={'a':'VARCHAR','b':'BIGINT','c':'UBIGINT','d':'DOUBLE','e':'BOOLEAN','f':'TIMESTAMPTZ'})",
		}[f.Base()]
		got := duck(t, "SELECT a, b::VARCHAR, c::VARCHAR, d::VARCHAR, e::VARCHAR, epoch_us(f)::VARCHAR FROM "+from)
		want := "\t-9223372036854775808\t18446744073709551615\tnan\ttrue\t0\n" +
			"\\N\t9223372036854775807\t\\N\t-inf\t\\N\t\\N\n" +
			"é,\"x\"\t\\N\t0\t\\N\tfalse\t-1000000\n" +
			"last\t0\t1\t0.1\ttrue\t1000000\n"
		if got != want {
			t.Errorf("%s:\n%s\nwant\n%s", f, got, want)
		}
	}
	path := filepath.Join(dir, PartName(0, Parquet))
	if got, want := duck(t, "SELECT string_agg(column_type, ' ') FROM (DESCRIBE SELECT * FROM '"+path+"')"),
		"VARCHAR BIGINT UBIGINT DOUBLE BOOLEAN TIMESTAMP WITH TIME ZONE\n"; strings.ReplaceAll(got, "_NS", "") != want {
		t.Errorf("the types are %s", got)
	}
	if got := duck(t, "SELECT count(*) FROM '"+path+"' WHERE b < 0"); got != "1\n" {
		t.Errorf("%s rows by the statistics", got)
	}
}
