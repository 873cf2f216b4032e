package dataset

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/s3server"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/s3"
)

// buckets is the Sources of one S3 server.
type buckets struct{ source *s3.Source }

func (b buckets) Source(uri string) (storage.Source, string, error) {
	_, key, _ := strings.Cut(strings.TrimPrefix(uri, "s3://"), "/")
	return b.source, key, nil
}

// The whole way over a real server: names, versions, ranges, a change.
func TestS3(t *testing.T) {
	server := s3server.ForTest(t, s3server.VersityGW)
	opt := s3.Options{Endpoint: server.Endpoint, Credentials: s3.Credentials{AccessKey: server.AccessKey, SecretKey: server.SecretKey}}
	store, err := s3.New(s3server.Bucket, "", opt)
	if err != nil {
		t.Fatal(err)
	}
	source, err := s3.NewSource(s3server.Bucket, opt)
	if err != nil {
		t.Fatal(err)
	}
	src := buckets{source}
	bodies := map[string]string{"in/a": strings.Repeat("line one\r\nline two\n", 400), "in/b=1/x": "tiny", "in/b=1/_x": "hidden", "in/c.gz": gzipped(t, "packed\n"), "in/e": "", "in2/z": "z"}
	versions := map[string]storage.Version{}
	for key, body := range bodies {
		if versions[key], err = store.PutIf(t.Context(), key, []byte(body), ""); err != nil {
			t.Fatal(err)
		}
	}
	base := "s3://" + s3server.Bucket + "/"
	for uri, want := range map[string][]string{
		"in": {"in/a", "in/b=1/x", "in/c.gz", "in/e"}, "in/a": {"in/a"}, "in*/*": {"in/a", "in/b=1/x", "in/c.gz", "in/e", "in2/z"}, "**/x": {"in/b=1/x"},
	} {
		if got, _, err := expand(t, src, base, base+uri); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v", uri, got, err)
		}
	}
	for _, uri := range []string{"i", "in/b", "in/*.zst", "in/a/x"} {
		if got, _, err := expand(t, src, base, base+uri); !errs.Is(err, errs.NotFound) {
			t.Errorf("%s: %q, %v", uri, got, err)
		}
	}
	var want []record
	for _, key := range []string{"in/a", "in/b=1/x"} {
		want = append(want, wantLines(base+key, bodies[key])...)
	}
	want = append(want, record{"packed", base + "in/c.gz", 0})
	for _, size := range []int64{100, 1001, 1 << 20} {
		var got []record
		var splits []Split
		for s, err := range Plan(Expand(t.Context(), src, []string{base + "in"}, nil), PlanOptions{SplitSize: size}) {
			if err != nil {
				t.Fatal(err)
			}
			splits = append(splits, s)
		}
		for _, s := range splits {
			part, err := readAll(t, src, s, Options{}, tuning{chunk: 300, slack: 10, step: 64})
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, part...)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("split size %d: %d records, want %d", size, len(got), len(want))
		}
	}
	p := Piece{URI: base + "in/a", Size: int64(len(bodies["in/a"])), Version: versions["in/a"], Len: int64(len(bodies["in/a"]))}
	if _, err := store.PutIf(t.Context(), "in/a", []byte(fmt.Sprint("changed", bodies["in/a"])), versions["in/a"]); err != nil {
		t.Fatal(err)
	}
	_, err = readAll(t, src, Split{Pieces: []Piece{p}, Bytes: p.Len}, Options{}, usual)
	if !errs.Is(err, errs.Conflict) || !strings.Contains(err.Error(), p.URI) {
		t.Errorf("a changed object: %v", err)
	}
}
