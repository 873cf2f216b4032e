package mapside

import (
	"context"
	"fmt"
	"strings"
	"testing"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/worker/runs"
)

// The more runs a reduce merges, the smaller are the blocks it reads of each.
func TestBlocksForManyRuns(t *testing.T) {
	const frame = 100 // bytes around the pairs, at most
	var input [][]string
	for i := range 100 {
		input = append(input, []string{fmt.Sprint(i, strings.Repeat("x", 10<<10))})
	}
	for _, c := range []struct{ maps, least, most int }{
		{0, 200 << 10, runs.BlockSize}, {1, 200 << 10, runs.BlockSize}, {16, 50 << 10, 64 << 10}, {64, 6 << 10, 16 << 10}, {10_000, 6 << 10, 16 << 10},
	} {
		tk := task(t, 1, 64<<20, pluginv1.Stage_FOLD_UNSPECIFIED)
		tk.Maps = c.maps
		res, err := Run(t.Context(), tk, deps(&lines{batches: input}, func(ctx context.Context) *plugin { return newPlugin(ctx, 1) }))
		if err != nil {
			t.Fatal(err)
		}
		f, err := runs.Open(res.RunPath)
		if err != nil {
			t.Fatal(err)
		}
		if size := f.Totals().Window; size < c.least || size > c.most+frame {
			t.Errorf("%d runs to be merged have blocks of up to %d bytes, not %d to %d", c.maps, size, c.least, c.most)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}
