package codec

import (
	"fmt"
	"reflect"
	"strings"
	"unicode"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/mrctl/mrctl/internal/codec/wire"
)

var optionalMeta = arrow.NewMetadata([]string{wire.Optional}, []string{"1"})

// columnOf is the column of a struct's field: named by its tag, `mr:"name,optional"`, or else in snake_case.
func columnOf(f reflect.StructField, n node) (arrow.Field, error) {
	c := arrow.Field{Name: snake(f.Name), Type: n.typ, Nullable: n.nullable}
	name, option, more := strings.Cut(f.Tag.Get("mr"), ",")
	if name != "" {
		c.Name = name
	}
	if option == "optional" {
		c.Metadata = optionalMeta
	} else if more {
		return c, fmt.Errorf("field %s: its tag mr has the option %q, where only optional is known", f.Name, option)
	}
	return c, nil
}

// snake turns a Go name into a column's: RequestID is request_id, P95 is p95, HTTPStatus is http_status.
func snake(name string) string {
	var out strings.Builder
	r := []rune(name)
	for i, c := range r {
		if unicode.IsUpper(c) && i > 0 && r[i-1] != '_' {
			before, after := r[i-1], rune(0)
			if i+1 < len(r) {
				after = r[i+1]
			}
			if !unicode.IsUpper(before) || unicode.IsLower(after) {
				out.WriteByte('_')
			}
		}
		out.WriteRune(unicode.ToLower(c))
	}
	return out.String()
}
