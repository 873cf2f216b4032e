package worker

import (
	"testing"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/worker/runs"
)

func TestRunCodec(t *testing.T) {
	for _, c := range []struct {
		name, advertise string
		want            runs.Codec
	}{
		{"", "127.0.0.1:7070", runs.None}, {"auto", "[::1]:7070", runs.None}, {"auto", "localhost:7070", runs.None},
		{"auto", "10.0.0.5:7070", runs.LZ4}, {"", "node5:7070", runs.LZ4},
		{"none", "10.0.0.5:7070", runs.None}, {"lz4", "127.0.0.1:7070", runs.LZ4}, {"zstd", "127.0.0.1:7070", runs.Zstd},
	} {
		if got, err := runCodec(c.name, c.advertise); err != nil || got != c.want {
			t.Errorf("%q at %s: %v, %v; want %v", c.name, c.advertise, got, err, c.want)
		}
	}
	if _, err := runCodec("gzip", "127.0.0.1:7070"); !errs.Is(err, errs.Invalid) {
		t.Errorf("an unknown codec: %v", err)
	}
}
