//go:build !linux

package recsort

import "os"

func contents(path string) ([]byte, func(), error) {
	b, err := os.ReadFile(path)
	return b, func() {}, err
}
