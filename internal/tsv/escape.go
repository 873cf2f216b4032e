package tsv

import "bytes"

// escapes has, for a byte that is not written as itself, the letter that stands for it behind a backslash.
var escapes = [256]byte{'\t': 't', '\n': 'n', '\r': 'r', '\\': '\\'}

// putEscaped writes s at the start of dst, which has room for twice its length, so that it holds no tab and no line end
// and can be read back. It gives the length.
func putEscaped(dst, s []byte) int {
	n, from := 0, 0
	for i, c := range s {
		if e := escapes[c]; e != 0 {
			n += copy(dst[n:], s[from:i])
			dst[n], dst[n+1] = '\\', e
			n += 2
			from = i + 1
		}
	}
	return n + copy(dst[n:], s[from:])
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

// countEscapes is how many bytes putEscaped writes beyond those of s.
func countEscapes(s []byte) int {
	n := 0
	for _, c := range []byte("\t\n\r\\") {
		n += bytes.Count(s, []byte{c})
	}
	return n
}
