package csv

import (
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
)

// The header goes, however the file is cut and whatever the columns are called.
func TestHeadless(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{{Name: "a \"b\"\n,c", Type: arrow.PrimitiveTypes.Int8}, {Name: "d", Type: arrow.PrimitiveTypes.Int8}}, nil)
	header := string(AppendHeader(nil, schema))
	if want := "\"a \"\"b\"\"\n,c\",d\n"; header != want {
		t.Errorf("header %q, want %q", header, want)
	}
	for _, rest := range []string{"", "1,2\n\"\n\",3\n"} {
		for cut := range len(header) + len(rest) + 1 {
			var out strings.Builder
			h := &Headless{W: &out}
			for _, s := range []string{(header + rest)[:cut], (header + rest)[cut:]} {
				if n, err := h.Write([]byte(s)); n != len(s) || err != nil {
					t.Fatal(n, err)
				}
			}
			if out.String() != rest {
				t.Errorf("cut at %d: %q, want %q", cut, out.String(), rest)
			}
		}
	}
}
