package spec_test

import (
	"strings"
	"testing"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/jobs/spec"
)

func TestKeyBytes(t *testing.T) {
	for _, c := range []struct {
		keys, format string
		want         spec.KeyBytes
		says         string // of the refusal; "": taken
	}{
		{"", "lines", spec.KeyBytes{}, ""},
		{"0:10", "records:100", spec.KeyBytes{Off: 0, Len: 10}, ""},
		{"90:10", "records:100", spec.KeyBytes{Off: 90, Len: 10}, ""},
		{"3:4", "lines", spec.KeyBytes{Off: 3, Len: 4}, ""},
		{"3:4", "files", spec.KeyBytes{Off: 3, Len: 4}, ""},
		{"91:10", "records:100", spec.KeyBytes{}, "10 bytes from byte 91 on, and a record has 100"},
		{"10", "lines", spec.KeyBytes{}, "OFF:LEN"},
		{"a:1", "lines", spec.KeyBytes{}, "OFF:LEN"},
		{"1:", "lines", spec.KeyBytes{}, "OFF:LEN"},
		{"1:2:3", "lines", spec.KeyBytes{}, "OFF:LEN"},
		{"5:0", "lines", spec.KeyBytes{}, "one byte at least"},
		{"-1:3", "lines", spec.KeyBytes{}, "beyond any record"},
		{"1073741824:1", "lines", spec.KeyBytes{}, "beyond any record"},
		{"1:9223372036854775807", "lines", spec.KeyBytes{}, "beyond any record"},
	} {
		got, err := spec.Job{Keys: c.keys, InputFormat: c.format}.KeyBytes()
		switch {
		case c.says == "" && (err != nil || got != c.want):
			t.Errorf("%q of %s is %+v (%v)", c.keys, c.format, got, err)
		case c.says != "" && (!errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), c.says)):
			t.Errorf("%q of %s: %v", c.keys, c.format, err)
		}
	}
}
