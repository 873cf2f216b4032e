package codec

import (
	"strings"
	"unicode"
)

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
