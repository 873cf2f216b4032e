package typed

import (
	"strings"
	"testing"
)

// A short text may stand for a long row: what is left out has its zero value. Such a record is bad, before all of it is made.
func TestRowsAreBounded(t *testing.T) {
	type wide struct {
		A, B, C, D int64 `mr:",optional"`
	}
	type row struct{ L []wide }
	cols, c := compiled[row](t)
	cols.most = 1000
	item := len(cols.list[0].elem.zero) + 1
	fits := 1000 / item
	line := func(n int) string { return `{"l":[` + strings.TrimSuffix(strings.Repeat("{},", n), ",") + "]}\n" }
	got, bad := parseAll(t, cols.JSON(), c, line(fits-1)+line(100_000)+line(1), 1<<20)
	if len(got) != 2 || len(got[0].L) != fits-1 || len(got[1].L) != 1 || len(bad) != 1 || !strings.Contains(bad[0].Error(), "1000 bytes") {
		t.Errorf("%d rows, %v", len(got), bad)
	}
	long := `{"l":[` + strings.TrimSuffix(strings.Repeat("{},", 1_000_000), ",") + "]}\n"
	if n := testing.AllocsPerRun(1, func() {
		if row, _, _, err := cols.JSON().Next(nil, []byte(long), true); err == nil || cap(row) > 1<<20 {
			t.Error("a long row was made")
		}
	}); n > 100 {
		t.Errorf("%v allocations", n)
	}

	type text struct {
		S string
		N int64
	}
	texts, tc := compiled[text](t)
	texts.most = 1000
	p, err := texts.CSV(Dialect{}, false)
	if err != nil {
		t.Fatal(err)
	}
	rows, bad := parseAll(t, p, tc, strings.Repeat("\x00", 400)+",1\n"+strings.Repeat("\x00", 600)+",2\n"+"x,3\n", 1<<20)
	if len(rows) != 2 || rows[1].N != 3 || len(bad) != 1 {
		t.Errorf("%d rows, %v", len(rows), bad)
	}
}
