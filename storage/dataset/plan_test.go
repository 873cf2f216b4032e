package dataset

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mrctl/mrctl/internal/errs"
)

func (p Piece) String() string { return fmt.Sprintf("%s[%d+%d]%s", p.URI, p.Off, p.Len, p.Codec) }

// show writes splits as text: pieces with blanks between them, splits with bars.
func show(splits []Split) string {
	var out []string
	for _, s := range splits {
		var in []string
		for _, p := range s.Pieces {
			in = append(in, p.String())
		}
		out = append(out, strings.Join(in, " "))
	}
	return strings.Join(out, " | ")
}

func TestPlan(t *testing.T) {
	obj := func(uri string, size int64) Object { return Object{URI: uri, Size: size, Version: "v"} }
	cases := []struct {
		o       PlanOptions
		objects []Object
		want    string
	}{
		{PlanOptions{SplitSize: 10}, nil, ""},
		{PlanOptions{SplitSize: 10}, []Object{obj("a", 25)}, "a[0+9] | a[9+8] | a[17+8]"},
		{PlanOptions{SplitSize: 10}, []Object{obj("a", 4), obj("b", 0), obj("c", 6), obj("d", 1)}, "a[0+4] c[0+6] | d[0+1]"},
		{PlanOptions{SplitSize: 10}, []Object{obj("a", 3), obj("b", 15), obj("c", 2)}, "a[0+3] | b[0+8] | b[8+7] c[0+2]"},
		{PlanOptions{SplitSize: 10}, []Object{obj("a.gz", 25), obj("b.zst", 3), obj("c", 3)}, "a.gz[0+25]gzip | b.zst[0+3]zstd c[0+3]"},
		{PlanOptions{SplitSize: 10, Decompress: "none"}, []Object{obj("a.gz", 12)}, "a.gz[0+6] | a.gz[6+6]"},
		{PlanOptions{SplitSize: 10, Format: "files"}, []Object{obj("a", 25), obj("b", 0), obj("c", 3)}, "a[0+25] | b[0+0] c[0+3]"},
		{PlanOptions{SplitSize: 10, Format: "records:4"}, []Object{obj("a", 20), obj("b", 4)}, "a[0+8] | a[8+8] | a[16+4] b[0+4]"},
		{PlanOptions{SplitSize: 1, Format: "records:4"}, []Object{obj("a", 8)}, "a[0+4] | a[4+4]"},
	}
	for _, c := range cases {
		if got := show(planAll(t, c.o, c.objects...)); got != c.want {
			t.Errorf("%+v %v:\n got %s\nwant %s", c.o, c.objects, got, c.want)
		}
	}
}

func TestPlanPacksNoMoreThanABound(t *testing.T) {
	var objects []Object
	for i := range 2*maxPieces + 1 {
		objects = append(objects, Object{URI: fmt.Sprint(i), Size: 1})
	}
	if got := planAll(t, PlanOptions{SplitSize: 1 << 30}, objects...); len(got) != 3 || len(got[0].Pieces) != maxPieces {
		t.Errorf("%d splits", len(got))
	}
	long := strings.Repeat("x", maxURIBytes/2)
	objects = []Object{{URI: long + "1", Size: 1}, {URI: long + "2", Size: 1}, {URI: long + "3", Size: 1}}
	if got := planAll(t, PlanOptions{SplitSize: 1 << 30}, objects...); len(got) != 3 {
		t.Errorf("%d splits", len(got))
	}
}

func TestPlanRefuses(t *testing.T) {
	for _, o := range []PlanOptions{{SplitSize: 0}, {SplitSize: 1, Format: "xml"}, {SplitSize: 1, Format: "records:0"}, {SplitSize: 1, Format: "records:3"}} {
		objects := func(yield func(Object, error) bool) { yield(Object{URI: "mem://b/x", Size: 10}, nil) }
		for _, err := range Plan(objects, o) {
			if !errs.Is(err, errs.Invalid) {
				t.Errorf("%+v: %v", o, err)
			}
			if o.Format == "records:3" && !strings.Contains(err.Error(), "mem://b/x") {
				t.Errorf("%v does not name the object", err)
			}
		}
	}
}

func TestPlanWarnsOfLargeArchives(t *testing.T) {
	var warnings []string
	warn := func(w string) { warnings = append(warnings, w) }
	planAll(t, PlanOptions{SplitSize: 10, Warn: warn}, Object{URI: "a.gz", Size: 11}, Object{URI: "b.gz", Size: 10})
	if len(warnings) != 1 || !strings.Contains(warnings[0], "a.gz") {
		t.Errorf("%q", warnings)
	}
}
