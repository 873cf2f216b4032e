package torture

import (
	"fmt"
	"hash/crc64"
	"strconv"
)

var table = crc64.MakeTable(crc64.ECMA)

// sizeRow is what the job "sizes" says of a record that comes once.
func sizeRow(rec string) string {
	return fmt.Sprintf("%d\t%s\t1", len(rec), strconv.FormatUint(crc64.Checksum([]byte(rec), table), 16))
}

// filler is the value of n bytes that the plugin makes of a key.
func filler(key string, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = key[i%len(key)]
	}
	return b
}

// valueRow is what the jobs "values" and "first" say of a key with one value.
func valueRow(key string, n int) string {
	return fmt.Sprintf("%s\t1\t%d\t%s", key, n, strconv.FormatUint(crc64.Checksum(filler(key, n), table), 16))
}
