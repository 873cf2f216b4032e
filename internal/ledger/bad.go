package ledger

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// BadRecord is a record that was set aside, as a line of a dead-letter file: its place, what is wrong with it, and its
// beginning, as text where it is valid UTF-8 and else in base64.
type BadRecord struct {
	Object string `json:"object"` // the URI
	Offset uint64 `json:"offset"` // bytes from the start of the (decompressed) object
	Error  string `json:"error"`
	Record string `json:"record,omitempty"`
	Base64 []byte `json:"record_base64,omitempty"`
}

// Line is the record as one line of JSON, with its end.
func (b BadRecord) Line() ([]byte, error) {
	if len(b.Base64) > 0 && utf8.Valid(b.Base64) {
		b.Record, b.Base64 = string(b.Base64), nil
	}
	line, err := json.Marshal(b)
	return append(line, '\n'), err
}

// BadPrefix is where the bad records of a stage lie (job is its StageID), a file for each attempt of a map that had some.
func BadPrefix(job string) string { return jobPrefix + job + "/bad/" }

// BadKey is the file of an attempt.
func BadKey(job string, task int, attempt int32) string {
	return fmt.Sprintf("%s%08d.%d", BadPrefix(job), task, attempt)
}

// BadOf reads task and attempt back from a file's key.
func BadOf(key string) (task int, attempt int32, ok bool) {
	name := key[strings.LastIndexByte(key, '/')+1:]
	digits, rest, _ := strings.Cut(name, ".")
	n, err := strconv.ParseUint(digits, 10, 31)
	if err != nil {
		return 0, 0, false
	}
	a, err := strconv.ParseUint(rest, 10, 31)
	return int(n), int32(a), err == nil
}
