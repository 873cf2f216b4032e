package storagetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"

	"github.com/mrctl/mrctl/storage"
)

var reads = []sentence{
	{"what is absent does not exist", func(s *suite) {
		s.lacks("a/b")
		if keys := s.keys(s.a.List(s.ctx, "", "")); len(keys) != 0 {
			s.Fatalf("an empty store lists %v", keys)
		}
	}},
	{"a folder of keys is not a key", func(s *suite) {
		s.put("a/b/c", "x", "")
		s.lacks("a")
		s.lacks("a/b")
		s.lacks("a/b/c/d")
	}},
	{"Open reads ranges", func(s *suite) {
		body := []byte("0123456789")
		s.put("r", string(body), "")
		for _, c := range []struct {
			off, n int64
			want   string
		}{
			{0, -1, "0123456789"}, {0, 10, "0123456789"}, {0, 11, "0123456789"}, {0, 1, "0"}, {0, 0, ""},
			{3, -1, "3456789"}, {3, 4, "3456"}, {3, 100, "3456789"}, {3, 0, ""}, {9, 1, "9"}, {9, -1, "9"},
			{10, -1, ""}, {10, 5, ""}, {11, -1, ""}, {1 << 40, 1 << 40, ""},
		} {
			got, info, err := readAll(s.ctx, s.b, "r", c.off, c.n)
			if err != nil || string(got) != c.want || info.Size != 10 || info.Key != "r" {
				s.Errorf("Open(off %d, n %d) = %q, %+v, %v, want %q of 10", c.off, c.n, got, info, err, c.want)
			}
		}
		_, _, err := s.a.Open(s.ctx, "r", -1, 2)
		s.invalid(err, "Open at a negative offset")
	}},
	{"Open reads ranges of nothing", func(s *suite) {
		s.put("e", "", "")
		for _, off := range []int64{0, 1, 7} {
			for _, n := range []int64{-1, 0, 1} {
				if got, info, err := readAll(s.ctx, s.a, "e", off, n); err != nil || len(got) != 0 || info.Size != 0 {
					s.Errorf("Open(off %d, n %d) of an empty object = %q, %+v, %v", off, n, got, info, err)
				}
			}
		}
	}},
	{"an open reader keeps its version or fails", func(s *suite) {
		old, young := noise(1, 4<<20), noise(2, 4<<20)
		v := s.put("k", string(old), "")
		r, _, err := s.a.Open(s.ctx, "k", 0, -1)
		if err != nil {
			s.Fatal(err)
		}
		defer r.Close()
		head := make([]byte, 1000)
		if _, err := io.ReadFull(r, head); err != nil {
			s.Fatal(err)
		}
		s.put("k", string(young), v)
		rest, err := io.ReadAll(r)
		if got := append(head, rest...); err == nil && !bytes.Equal(got, old) || !bytes.HasPrefix(old, got) {
			s.Fatalf("a reader opened before a replacement read %s, %v", brief(got), err)
		}
	}},
	{"the end of the context ends a reader", func(s *suite) {
		s.put("k", string(noise(3, 4<<20)), "")
		ctx, stop := context.WithCancel(s.ctx)
		r, _, err := s.a.Open(ctx, "k", 0, -1)
		if err != nil {
			s.Fatal(err)
		}
		defer r.Close()
		stop()
		if _, err := io.ReadAll(r); !errors.Is(err, context.Canceled) {
			s.Fatalf("reading went on: %v", err)
		}
	}},
}

var records = []sentence{
	{"PutIf of no version creates", func(s *suite) {
		s.put("dir/k", "one", "")
		s.holds("dir/k", []byte("one"))
		_, err := s.b.PutIf(s.ctx, "dir/k", []byte("two"), "")
		s.is(err, storage.ErrPrecondition, "creating what is there")
		_, err = s.b.PutIf(s.ctx, "dir/k", []byte("one"), "")
		s.is(err, storage.ErrPrecondition, "creating what is there, with the same bytes")
		s.holds("dir/k", []byte("one"))
	}},
	{"PutIf of a version replaces exactly that", func(s *suite) {
		v1 := s.put("k", "one", "")
		other := s.put("other", "two", "")
		_, err := s.b.PutIf(s.ctx, "k", []byte("no"), other)
		s.is(err, storage.ErrPrecondition, "replacing another version")
		v2 := s.put("k", "second", v1)
		if v1 == v2 {
			s.Fatal("two contents have one version")
		}
		s.holds("k", []byte("second"))
		_, err = s.b.PutIf(s.ctx, "k", []byte("no"), v1)
		s.is(err, storage.ErrPrecondition, "replacing a stale version")
		s.holds("k", []byte("second"))
		s.put("k", "three", v2)
		s.holds("k", []byte("three"))
	}},
	{"PutIf of a version needs an object", func(s *suite) {
		v := s.put("k", "one", "")
		_, err := s.a.PutIf(s.ctx, "missing", []byte("no"), v)
		s.is(err, storage.ErrPrecondition, "replacing what is absent")
		_, err = s.a.PutIf(s.ctx, "missing/too", []byte("no"), v)
		s.is(err, storage.ErrPrecondition, "replacing what is absent in a folder that is absent")
		s.lacks("missing")
		s.lacks("missing/too")
		if err := s.a.Delete(s.ctx, "k"); err != nil {
			s.Fatal(err)
		}
		_, err = s.a.PutIf(s.ctx, "k", []byte("no"), v)
		s.is(err, storage.ErrPrecondition, "replacing what is deleted")
		s.lacks("k")
	}},
	{"the version PutIf gives is the one readers see", func(s *suite) {
		v := storage.Version("")
		for _, body := range []string{"a", "b", "a", ""} {
			v = s.put("k", body, v)
			for _, store := range []storage.Store{s.a, s.b} {
				_, info, err := store.Get(s.ctx, "k")
				if err != nil || info.Version != v {
					s.Fatalf("Get shows version %q, %v; PutIf gave %q", info.Version, err, v)
				}
				if info, err = store.Stat(s.ctx, "k"); err != nil || info.Version != v || len(info.Meta) != 0 {
					s.Fatalf("Stat shows %+v, %v; PutIf gave version %q", info, err, v)
				}
			}
			for info, err := range s.b.List(s.ctx, "k", "") {
				if err != nil || info.Version != v || info.Size != int64(len(body)) {
					s.Fatalf("List shows %+v, %v; PutIf gave version %q", info, err, v)
				}
			}
		}
	}},
	{"a record is any bytes up to MaxRecord", func(s *suite) {
		all := make([]byte, 256)
		for i := range all {
			all[i] = byte(i)
		}
		for i, body := range [][]byte{{}, {0}, all, []byte("aws-chunked\r\n0;chunk\r\n\r\n"), noise(4, storage.MaxRecord)} {
			key := "size/" + string(rune('a'+i))
			s.put(key, string(body), "")
			s.holds(key, body)
		}
		_, err := s.a.PutIf(s.ctx, "big", make([]byte, storage.MaxRecord+1), "")
		s.invalid(err, "PutIf of too much")
		s.lacks("big")
		s.publish(s.stage("big", make([]byte, storage.MaxRecord+1), nil))
		_, _, err = s.a.Get(s.ctx, "big")
		s.invalid(err, "Get of too much")
	}},
	{"bodies are not shared with the caller", func(s *suite) {
		mine := []byte("mine")
		if _, err := s.a.PutIf(s.ctx, "k", mine, ""); err != nil {
			s.Fatal(err)
		}
		mine[0] = 'X'
		got, _, err := s.a.Get(s.ctx, "k")
		if err != nil {
			s.Fatal(err)
		}
		got[0] = 'Y'
		s.holds("k", []byte("mine"))
	}},
	{"Delete is idempotent and frees the key", func(s *suite) {
		for range 2 {
			v := s.put("d/k", "one", "")
			for range 2 {
				if err := s.b.Delete(s.ctx, "d/k"); err != nil {
					s.Fatalf("Delete: %v", err)
				}
			}
			s.lacks("d/k")
			_, err := s.a.PutIf(s.ctx, "d/k", []byte("no"), v)
			s.is(err, storage.ErrPrecondition, "replacing what is deleted")
		}
		if err := s.a.Delete(s.ctx, "never/was"); err != nil {
			s.Fatalf("Delete of what never was: %v", err)
		}
	}},
	{"keys keep the rules", func(s *suite) {
		for _, key := range []string{"", "/a", "a/", "a//b", "..", "a/../b", ".hidden", "a b", "ä", "a%2Fb", "a\x00b", strings.Repeat("a", 201)} {
			_, err := s.a.PutIf(s.ctx, key, []byte("x"), "")
			s.invalid(err, "PutIf to a bad key")
			_, err = s.a.Create(s.ctx, key, nil)
			s.invalid(err, "Create of a bad key")
			_, _, err = s.a.Get(s.ctx, key)
			s.invalid(err, "Get of a bad key")
			_, _, err = s.a.Open(s.ctx, key, 0, -1)
			s.invalid(err, "Open of a bad key")
			_, err = s.a.Stat(s.ctx, key)
			s.invalid(err, "Stat of a bad key")
			s.invalid(s.a.Delete(s.ctx, key), "Delete of a bad key")
		}
		long := strings.Repeat("a", storage.MaxComponent)
		for _, key := range []string{"UP-per.and_low=er/0..9", long, strings.Repeat("b"+long[1:]+"/", 4) + strings.Repeat("b", 96)} {
			s.put(key, "x", "")
			s.holds(key, []byte("x"))
		}
	}},
	{"nothing happens once the context has ended", func(s *suite) {
		v := s.put("k", "one", "")
		token := s.stage("staged", []byte("x"), nil)
		ctx, stop := context.WithCancel(s.ctx)
		stop()
		ended := func(err error, what string) {
			s.Helper()
			if !errors.Is(err, context.Canceled) {
				s.Errorf("%s: error %v, want that of the context", what, err)
			}
		}
		_, err := s.a.PutIf(ctx, "k", []byte("two"), v)
		ended(err, "PutIf")
		_, err = s.a.PutIf(ctx, "new", []byte("two"), "")
		ended(err, "PutIf of a new key")
		_, _, err = s.a.Get(ctx, "k")
		ended(err, "Get")
		_, _, err = s.a.Open(ctx, "k", 0, -1)
		ended(err, "Open")
		_, err = s.a.Stat(ctx, "k")
		ended(err, "Stat")
		_, err = s.a.Publish(ctx, token)
		ended(err, "Publish")
		ended(s.a.Discard(ctx, token), "Discard")
		ended(s.a.Delete(ctx, "k"), "Delete")
		err = nil
		for _, err = range s.a.List(ctx, "", "") {
			if err != nil {
				break
			}
		}
		ended(err, "List")
		if w, err := s.a.Create(ctx, "stream", nil); err == nil {
			_, err = w.Write(make([]byte, 1<<20))
			if err == nil {
				_, err = w.Stage(ctx)
			}
			ended(err, "Create, Write, Stage")
		}
		s.holds("k", []byte("one"))
		s.lacks("new")
		s.lacks("stream")
		s.publish(token)
	}},
}
