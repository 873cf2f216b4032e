package jobs

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
)

type sale struct {
	Shop  string `mr:"store"`
	Cents int64
	Note  *string `mr:",optional"`
}

func sales() Job[sale, string, int64, Pair[string, int64]] {
	return Job[sale, string, int64, Pair[string, int64]]{
		Name: "sales",
		Map: func(_ context.Context, s sale, emit func(string, int64)) error {
			if s.Cents < 0 {
				return BadRecord(fmt.Errorf("a sale of %d cents", s.Cents))
			}
			emit(s.Shop, s.Cents)
			return nil
		},
		Combine: Sum[int64](),
	}
}

// TestStructsByHand: a job over structs reads CSV and JSON lines by their names, or what they look like.
func TestStructsByHand(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	csv := file("a.csv", "cents,x,store\n1,,\"a,b\"\n2,,c\n-3,,c\n")
	lines := file("b.jsonl", `{"store":"c","cents":10,"note":"n"}`+"\n"+`{"cents":5,"store":"a,b"}`)
	code, out, errs := hand(t, sales(), `{"store":"d","cents":7}`, csv, lines, "-")
	if code != 0 || out != "a,b\t6\nc\t12\nd\t7\n" || !strings.Contains(errs, "a sale of -3 cents") || !strings.Contains(errs, "a.csv at byte 28") {
		t.Errorf("%d: %q, %q", code, out, errs)
	}
	code, _, errs = hand(t, sales(), "", file("c.csv", "store,price\na,1\n"))
	if code != 1 || !strings.Contains(errs, "c.csv at byte 0: it has no column cents, which sale.Cents is read from (mr:\",optional\" lets it be missing); its header names store, price") {
		t.Errorf("%d: %q", code, errs)
	}
}

// TestStructsInBatches: MapBatch gets the columns of a struct.
func TestStructsInBatches(t *testing.T) {
	j := Job[sale, string, int64, Pair[string, int64]]{
		Name: "sales",
		MapBatch: func(_ context.Context, in arrow.RecordBatch, emit *BatchEmitter) error {
			if !in.Schema().Field(2).Nullable || in.Column(2).(*array.String).NullN() != 1 {
				return fmt.Errorf("%v", in)
			}
			return emit.Emit(in.Column(0), in.Column(1))
		},
		Combine: Sum[int64](),
	}
	code, out, errs := hand(t, j, "cents,store,note\n1,a,\n2,b,x\n3,a,y\n")
	if code != 0 || out != "a\t4\nb\t2\n" {
		t.Errorf("%d: %q, %q", code, out, errs)
	}
}

func TestStructsDescribed(t *testing.T) {
	p, err := sales().Program()
	if err != nil {
		t.Fatal(err)
	}
	if d := p.Describe(); d.GetInputKind() != pluginv1.Stage_INPUT_KIND_ROW || d.GetRawLines() {
		t.Errorf("%v", d)
	}
	type wrong struct{ M map[string]int }
	j := Job[wrong, string, int64, Pair[string, int64]]{Name: "x", Map: func(context.Context, wrong, func(string, int64)) error { return nil }}
	if _, err := j.Program(); err == nil || !strings.Contains(err.Error(), "In: column m: rows of input have no values of type map") {
		t.Error(err)
	}
}
