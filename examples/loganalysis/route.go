package main

import "strings"

// route is a path without its query and with :id for each part that names one thing of many: a number, a UUID, a long
// run of hexadecimal digits.
func route(path string) string {
	path, _, _ = strings.Cut(path, "?")
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if isID(p) {
			parts[i] = ":id"
		}
	}
	return strings.Join(parts, "/")
}

func isID(s string) bool {
	digits, hex := 0, 0
	for _, c := range []byte(s) {
		switch {
		case '0' <= c && c <= '9':
			digits++
		case 'a' <= c && c <= 'f', 'A' <= c && c <= 'F', c == '-':
			hex++
		default:
			return false
		}
	}
	return digits > 0 && (hex == 0 || len(s) >= 8 && digits >= 2)
}
