package s3

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
)

// reads gives a record's content with the versions named, one after the other.
func reads(body string, etags ...string) (read func() ([]byte, string, error), left *[]string) {
	return func() ([]byte, string, error) {
		etag := etags[0]
		etags = etags[1:]
		return []byte(body), etag, nil
	}, &etags
}

func TestContentIsHeldAgainstItsVersion(t *testing.T) {
	right, wrong := sumOf([]byte("content")), sumOf([]byte("other"))
	for _, c := range []struct {
		name  string
		knows int32
		etags []string
		left  int
		kind  errs.Kind
		then  int32
	}{
		{"at once", unknown, []string{right}, 0, errs.Other, sums},
		{"apart at first", unknown, []string{wrong, right}, 0, errs.Other, sums},
		{"never a sum", unknown, []string{wrong, wrong, wrong}, 0, errs.Other, others},
		{"apart", sums, []string{wrong, right}, 0, errs.Other, sums},
		{"apart for ever", sums, []string{wrong, wrong, wrong}, 0, errs.Unavailable, sums},
		{"no sums here", others, []string{wrong, right}, 1, errs.Other, others},
		{"an upload in parts", sums, []string{wrong + "-2", right}, 1, errs.Other, sums},
	} {
		var client Client
		client.versions.Store(c.knows)
		read, left := reads("content", c.etags...)
		if err := client.whole(read); errs.KindOf(err) != c.kind || len(*left) != c.left || client.versions.Load() != c.then {
			t.Errorf("%s: %v, %d reads left, versions are %d", c.name, err, len(*left), client.versions.Load())
		}
	}
}

func TestBodyFailsAtItsEnd(t *testing.T) {
	for _, content := range []string{"content", "other"} {
		got, err := io.ReadAll(newSummed(io.NopCloser(strings.NewReader("content")), sumOf([]byte(content))))
		if string(got) != "content" || (err == nil) != (content == "content") || err != nil && !errors.Is(err, storage.ErrPrecondition) {
			t.Errorf("%q with the sum of %q: %v", got, content, err)
		}
	}
}
