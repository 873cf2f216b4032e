package storagetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
)

// RunSource holds a source to the contract. open gives an empty one at each call, and a function that writes an object
// into it, replacing what is there.
func RunSource(t *testing.T, open func(t *testing.T) (src storage.Source, put func(key string, body []byte))) {
	for name, check := range map[string]func(*sourceSuite){
		"keys are kept byte for byte": sourceKeys,
		"folders are never keys":      sourceFolders,
		"Open reads ranges":           sourceRanges,
		"Open is of one version":      sourceVersions,
		"List is in byte order":       sourceList,
		"what is absent":              sourceAbsent,
		"the context's end":           sourceContext,
	} {
		t.Run(name, func(t *testing.T) {
			ctx, stop := context.WithTimeout(t.Context(), time.Minute)
			defer stop()
			src, put := open(t)
			check(&sourceSuite{suite: suite{TB: t, ctx: ctx}, src: src, put: put})
		})
	}
}

type sourceSuite struct {
	suite // for its helpers; it has no stores
	src   storage.Source
	put   func(key string, body []byte)
}

// pinned reads exactly one version.
type pinned struct {
	storage.Source
	version storage.Version
}

func (p pinned) Open(ctx context.Context, key string, off, n int64) (io.ReadCloser, storage.Info, error) {
	return p.Source.Open(ctx, key, off, n, p.version)
}

var strangeKeys = []string{
	"plain.txt", "with blank", " leading", "a+b", "100%", "%41", "a%2Fb", "q?x=1&y=2#z", "ümlaut", "漢字/かな", "e\u0301", "\u00e9",
	"quote\"'`", "back\\slash", "semi;colon,comma", "[glob]*{a,b}", ".hidden", "_under", "deep/er/and/deep.er", "tab\tin", "a:b@c=d!$()~^|<>",
}

func sourceKeys(s *sourceSuite) {
	for _, key := range strangeKeys {
		s.put(key, []byte("body of "+key))
	}
	want := slices.Clone(strangeKeys)
	slices.Sort(want)
	if got := s.keys(s.src.List(s.ctx, "", "")); !slices.Equal(got, want) {
		s.Fatalf("List gave\n%q, want\n%q", got, want)
	}
	for info, err := range s.src.List(s.ctx, "", "") {
		if err != nil {
			s.Fatal(err)
		}
		stat, err := s.src.Stat(s.ctx, info.Key)
		if err != nil || stat.Version != info.Version || stat.Size != info.Size || stat.Key != info.Key {
			s.Errorf("List shows %+v, Stat %+v, %v", info, stat, err)
		}
		body, opened, err := readAll(s.ctx, pinned{s.src, info.Version}, info.Key, 0, -1)
		if err != nil || string(body) != "body of "+info.Key || opened.Version != info.Version {
			s.Errorf("Open(%q) = %q, %+v, %v", info.Key, body, opened, err)
		}
	}
}

func sourceFolders(s *sourceSuite) {
	s.put("d/e/f", []byte("x"))
	for _, key := range []string{"d", "d/", "d/e", "d/e/"} {
		_, err := s.src.Stat(s.ctx, key)
		s.is(err, storage.ErrNotExist, "Stat of folder "+key)
		_, _, err = s.src.Open(s.ctx, key, 0, -1, "")
		s.is(err, storage.ErrNotExist, "Open of folder "+key)
	}
	if got := s.keys(s.src.List(s.ctx, "d", "")); !slices.Equal(got, []string{"d/e/f"}) {
		s.Errorf("List gave %q", got)
	}
}

func sourceRanges(s *sourceSuite) {
	body := noise(9, 3<<20)
	s.put("big", body)
	s.put("empty", nil)
	for _, r := range [][2]int64{{0, -1}, {0, 1}, {1, -1}, {1 << 20, 1 << 20}, {3<<20 - 1, 5}, {3 << 20, -1}, {1 << 40, 3}, {7, 0}} {
		want := body[min(r[0], int64(len(body))):]
		if r[1] >= 0 {
			want = want[:min(r[1], int64(len(want)))]
		}
		got, info, err := readAll(s.ctx, pinned{s.src, ""}, "big", r[0], r[1])
		if err != nil || !bytes.Equal(got, want) || info.Size != int64(len(body)) {
			s.Errorf("Open(off %d, n %d) = %s, %+v, %v, want %d bytes", r[0], r[1], brief(got), info, err, len(want))
		}
		if got, _, err := readAll(s.ctx, pinned{s.src, ""}, "empty", r[0], r[1]); err != nil || len(got) != 0 {
			s.Errorf("Open(off %d, n %d) of nothing = %s, %v", r[0], r[1], brief(got), err)
		}
	}
	if _, _, err := s.src.Open(s.ctx, "big", -1, 1, ""); !errs.Is(err, errs.Invalid) {
		s.Errorf("Open at a negative offset: %v", err)
	}
}

func sourceVersions(s *sourceSuite) {
	s.put("k", []byte("one"))
	first, err := s.src.Stat(s.ctx, "k")
	if err != nil {
		s.Fatal(err)
	}
	s.put("k", []byte("two, longer"))
	for _, off := range []int64{0, 1, 100} {
		_, _, err := s.src.Open(s.ctx, "k", off, -1, first.Version)
		s.is(err, storage.ErrPrecondition, "Open of a version that is gone")
		if err == nil || !strings.Contains(err.Error(), "k") {
			s.Errorf("the error names no key: %v", err)
		}
	}
	second, err := s.src.Stat(s.ctx, "k")
	if err != nil || second.Version == first.Version {
		s.Fatalf("Stat after a change = %+v, %v; before %+v", second, err, first)
	}
	if body, _, err := readAll(s.ctx, pinned{s.src, second.Version}, "k", 0, -1); err != nil || string(body) != "two, longer" {
		s.Errorf("Open of what is there = %q, %v", body, err)
	}
}

func sourceList(s *sourceSuite) {
	all := []string{"a", "a-b", "a.b", "b/a", "b/a b/c", "b/a-", "b/ü", "b0", "c d/e"}
	slices.Sort(all)
	for _, key := range all {
		s.put(key, []byte(key))
	}
	for _, prefix := range []string{"", "a", "b", "b/", "b/a", "b/a ", "b/ü", "c d/", "x", "/a"} {
		for _, after := range append([]string{"", "b/", "b/zzz"}, all...) {
			want := []string{}
			for _, key := range all {
				if strings.HasPrefix(key, prefix) && key > after {
					want = append(want, key)
				}
			}
			if got := s.keys(s.src.List(s.ctx, prefix, after)); !slices.Equal(got, want) {
				s.Errorf("List(%q, after %q) = %q, want %q", prefix, after, got, want)
			}
		}
	}
}

func sourceAbsent(s *sourceSuite) {
	s.put("k", []byte("x"))
	for _, key := range []string{"missing", "missing/too", "k/below", "k/"} {
		_, err := s.src.Stat(s.ctx, key)
		s.is(err, storage.ErrNotExist, "Stat("+key+")")
		_, _, err = s.src.Open(s.ctx, key, 0, -1, "")
		s.is(err, storage.ErrNotExist, "Open("+key+")")
		_, _, err = s.src.Open(s.ctx, key, 0, -1, "some-version")
		s.is(err, storage.ErrNotExist, "Open("+key+") of a version")
	}
}

func sourceContext(s *sourceSuite) {
	s.put("k", []byte("x"))
	ctx, stop := context.WithCancel(s.ctx)
	stop()
	if _, err := s.src.Stat(ctx, "k"); !errors.Is(err, context.Canceled) {
		s.Errorf("Stat: %v", err)
	}
	if _, _, err := s.src.Open(ctx, "k", 0, -1, ""); !errors.Is(err, context.Canceled) {
		s.Errorf("Open: %v", err)
	}
	var last error
	for _, err := range s.src.List(ctx, "", "") {
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		s.Errorf("List: %v", last)
	}
}
