package shuffle

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/mrctl/mrctl/worker/runs"
)

// TestAllocations: what the shuffle allocates, at both ends and with the transport, is by frame and not by record.
func TestAllocations(t *testing.T) {
	const records, most = 200_000, 0.01 * poolLoss
	w := &worker{name: "a", paths: map[uint32]string{0: filepath.Join(t.TempDir(), "run")}}
	run, err := runs.Create(w.paths[0], 1, runs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p := runs.Pair{Val: make([]byte, 90)}
	for i := range records {
		p.Key = fmt.Appendf(p.Key[:0], "%010d", i)
		if err := run.Append(&p); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := run.Finish(); err != nil {
		t.Fatal(err)
	}
	w.serve(t)
	c := client(t, nil, Config{})
	for _, memory := range []int64{1, 1 << 30} { // to scratch, to memory
		q := request(t, 0, memory, w)
		allocs := testing.AllocsPerRun(3, func() {
			got, err := c.Fetch(t.Context(), q)
			if err != nil || got.Sections[0].Range.Rows != records {
				t.Fatal(err)
			}
			got.release()
		})
		t.Logf("%.5f allocations a record", allocs/records)
		if allocs > most*records {
			t.Errorf("%.0f allocations for %d records, with %d bytes of memory", allocs, records, memory)
		}
	}
}
