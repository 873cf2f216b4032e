package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mrctl/mrctl/jobs/jobstest"
)

// TestLaws: the records are a result of their own, whatever happens on the way.
func TestLaws(t *testing.T) {
	var data bytes.Buffer
	if err := gen("20", &data); err != nil {
		t.Fatal(err)
	}
	jobstest.Laws(t, job, slices.Collect(slices.Chunk(data.Bytes(), recordSize)))
}

func TestValidate(t *testing.T) {
	dir := t.TempDir()
	var data bytes.Buffer
	if err := gen("1000", &data); err != nil {
		t.Fatal(err)
	}
	records := slices.Collect(slices.Chunk(data.Bytes(), recordSize))
	ordered := slices.Clone(records)
	slices.SortFunc(ordered, bytes.Compare)
	write := func(name string, list [][]byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), bytes.Join(list, nil), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("data", records)
	for _, c := range []struct {
		first, second [][]byte
		wrong         string
	}{
		{ordered[:300], ordered[300:], ""},
		{ordered[300:], ordered[:300], "part-1: key"},
		{ordered[:300], records[300:], "part-1: key"},
		{ordered[:300], ordered[301:], "999 records"},
		{ordered[:300], append([][]byte{ordered[299]}, ordered[301:]...), "1000 records with checksum"},
	} {
		write("part-0", c.first)
		write("part-1", c.second)
		var out strings.Builder
		err := validate(filepath.Join(dir, "data"), dir, &out)
		if c.wrong == "" && (err != nil || !strings.HasPrefix(out.String(), "1000 records in 2 parts are in order")) || c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)) {
			t.Errorf("%v, %q, want %q", err, out.String(), c.wrong)
		}
	}
}
