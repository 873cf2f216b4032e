package output

import "bytes"

// escapes has, for a byte that is not written as itself, the letter that stands for it behind a backslash.
var escapes = [256]byte{'\t': 't', '\n': 'n', '\r': 'r', '\\': '\\'}

// appendEscaped appends s so that it holds no tab and no line end, and can be read back.
func appendEscaped(dst, s []byte) []byte {
	from := 0
	for i, c := range s {
		if e := escapes[c]; e != 0 {
			dst = append(dst, s[from:i]...)
			dst = append(dst, '\\', e)
			from = i + 1
		}
	}
	return append(dst, s[from:]...)
}

// needsEscape reports whether escaping changes s. It is meant for whole columns: four fast looks at all of it cost less
// than one slow look at each row.
func needsEscape(s []byte) bool {
	for _, c := range []byte("\t\n\r\\") {
		if bytes.IndexByte(s, c) >= 0 {
			return true
		}
	}
	return false
}
