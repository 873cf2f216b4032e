package storagetest

import (
	"maps"
	"slices"

	"github.com/mrctl/mrctl/storage"
)

var streams = []sentence{
	{"a stream is invisible until it is published", func(s *suite) {
		s.put("out/other", "x", "")
		visible := func(when string) {
			s.Helper()
			s.lacks("out/part")
			if keys := s.keys(s.b.List(s.ctx, "", "")); !slices.Equal(keys, []string{"out/other"}) {
				s.Fatalf("%s the store lists %v", when, keys)
			}
		}
		w, err := s.a.Create(s.ctx, "out/part", nil)
		if err != nil {
			s.Fatal(err)
		}
		visible("after Create")
		body := noise(5, 6<<20)
		if _, err := w.Write(body); err != nil {
			s.Fatal(err)
		}
		visible("after Write")
		token, err := w.Stage(s.ctx)
		if err != nil {
			s.Fatal(err)
		}
		visible("after Stage")
		s.publish(token)
		s.holds("out/part", body)
		if keys := s.keys(s.b.List(s.ctx, "", "")); !slices.Equal(keys, []string{"out/other", "out/part"}) {
			s.Fatalf("after Publish the store lists %v", keys)
		}
	}},
	{"streams of every size keep their bytes", func(s *suite) {
		for i, n := range []int{0, 1, 100, 5<<20 - 1, 5 << 20, 17<<20 + 3} {
			key := "size/" + string(rune('a'+i))
			body := noise(uint64(n), n)
			info := s.publish(s.stage(key, body, nil))
			if info.Key != key || info.Size != int64(n) || info.Version == "" {
				s.Errorf("Publish describes %+v, want %d bytes at %s", info, n, key)
			}
			s.holds(key, body)
			if stat, err := s.b.Stat(s.ctx, key); err != nil || stat.Version != info.Version {
				s.Errorf("Stat shows version %q, %v; Publish gave %q", stat.Version, err, info.Version)
			}
		}
	}},
	{"metadata is kept", func(s *suite) {
		for i, meta := range []map[string]string{nil, {"job": "0192-ab"}, {"a-1": "x y", "b": "~!\"#%/\\", "empty": ""}} {
			key := "m/" + string(rune('a'+i))
			info := s.publish(s.stage(key, []byte("x"), maps.Clone(meta)))
			stat, err := s.b.Stat(s.ctx, key)
			if err != nil || !maps.Equal(stat.Meta, meta) || !maps.Equal(info.Meta, meta) {
				s.Errorf("metadata %v came back as %v from Publish, %v from Stat (%v)", meta, info.Meta, stat.Meta, err)
			}
		}
		for _, meta := range []map[string]string{{"Job": "x"}, {"": "x"}, {"a": "ä"}, {"a": "x\ny"}} {
			_, err := s.a.Create(s.ctx, "bad", meta)
			s.invalid(err, "Create with bad metadata")
		}
	}},
	{"Publish is idempotent and any handle may call it", func(s *suite) {
		body := []byte("once")
		token := s.stage("k", body, nil)
		for range 2 {
			for _, store := range []storage.Store{s.b, s.a} {
				if info, err := store.Publish(s.ctx, token); err != nil || info.Size != 4 {
					s.Fatalf("Publish = %+v, %v", info, err)
				}
			}
		}
		s.holds("k", body)
	}},
	{"Publish never replaces", func(s *suite) {
		same := []byte("the same bytes")
		first, second := s.stage("k", same, nil), s.stage("k", same, nil)
		s.publish(first)
		for range 2 {
			_, err := s.b.Publish(s.ctx, second)
			s.is(err, storage.ErrPrecondition, "publishing onto another's")
		}
		s.publish(first)
		s.put("record", string(same), "")
		third := s.stage("record", same, nil)
		_, err := s.a.Publish(s.ctx, third)
		s.is(err, storage.ErrPrecondition, "publishing onto a record")
		s.holds("record", same)
		if err := s.a.Discard(s.ctx, third); err != nil {
			s.Fatal(err)
		}
		_, err = s.a.Publish(s.ctx, third)
		s.is(err, storage.ErrPrecondition, "publishing what is discarded, where another lies")
	}},
	{"a published object is one like others", func(s *suite) {
		token := s.stage("k", []byte("stream"), map[string]string{"a": "b"})
		v := s.publish(token).Version
		_, err := s.a.PutIf(s.ctx, "k", []byte("no"), "")
		s.is(err, storage.ErrPrecondition, "creating what is published")
		s.put("k", "record", v)
		s.holds("k", []byte("record"))
		_, err = s.b.Publish(s.ctx, token)
		s.is(err, storage.ErrPrecondition, "publishing again what was replaced since")
		s.holds("k", []byte("record"))
		s.publish(s.stage("d", []byte("x"), nil))
		if err := s.a.Delete(s.ctx, "d"); err != nil {
			s.Fatal(err)
		}
		s.lacks("d")
	}},
	{"a discarded token is lost", func(s *suite) {
		token := s.stage("k", noise(6, 6<<20), nil)
		for range 2 {
			if err := s.b.Discard(s.ctx, token); err != nil {
				s.Fatalf("Discard: %v", err)
			}
		}
		for range 2 {
			_, err := s.a.Publish(s.ctx, token)
			s.is(err, storage.ErrNotExist, "publishing what is discarded")
		}
		s.lacks("k")
	}},
	{"Discard of what is published changes nothing", func(s *suite) {
		token := s.stage("k", []byte("x"), nil)
		s.publish(token)
		for range 2 {
			if err := s.b.Discard(s.ctx, token); err != nil {
				s.Fatalf("Discard: %v", err)
			}
		}
		s.holds("k", []byte("x"))
		s.publish(token)
	}},
	{"what is no token is refused", func(s *suite) {
		for _, token := range []storage.Token{"", "x", "s3.", "local.e30", "mem.%%%"} {
			_, err := s.a.Publish(s.ctx, token)
			s.invalid(err, "Publish of no token")
			s.invalid(s.a.Discard(s.ctx, token), "Discard of no token")
		}
	}},
	{"Abort leaves nothing", func(s *suite) {
		for _, n := range []int{0, 10, 12 << 20} {
			w, err := s.a.Create(s.ctx, "k", nil)
			if err != nil {
				s.Fatal(err)
			}
			if _, err := w.Write(make([]byte, n)); err != nil {
				s.Fatal(err)
			}
			for range 2 {
				if err := w.Abort(); err != nil {
					s.Fatalf("Abort: %v", err)
				}
			}
			if _, err := w.Write([]byte("x")); err == nil {
				s.Error("Write after Abort succeeded")
			}
			if _, err := w.Stage(s.ctx); err == nil {
				s.Error("Stage after Abort succeeded")
			}
		}
		s.lacks("k")
		s.pending("k", 0)
	}},
	{"a stream ends once", func(s *suite) {
		w, err := s.a.Create(s.ctx, "k", nil)
		if err != nil {
			s.Fatal(err)
		}
		if _, err := w.Write([]byte("body")); err != nil {
			s.Fatal(err)
		}
		token, err := w.Stage(s.ctx)
		if err != nil {
			s.Fatal(err)
		}
		if err := w.Abort(); err != nil {
			s.Errorf("Abort after Stage: %v", err)
		}
		if _, err := w.Write([]byte("more")); err == nil {
			s.Error("Write after Stage succeeded")
		}
		if _, err := w.Stage(s.ctx); err == nil {
			s.Error("Stage after Stage succeeded")
		}
		s.publish(token)
		s.holds("k", []byte("body"))
	}},
	{"what is pending can be named and swept", func(s *suite) {
		if _, ok := s.a.(storage.Sweeper); !ok {
			s.Skip("the store is no Sweeper")
		}
		s.pending("k", 0)
		staged := s.stage("k", []byte("x"), nil)
		open, err := s.a.Create(s.ctx, "k", nil)
		if err != nil {
			s.Fatal(err)
		}
		defer open.Abort()
		for _, near := range []string{"k-1", "k.x", "kk", "d/k"} { // names that a prefix would take for k's
			s.stage(near, []byte("x"), nil)
		}
		s.pending("k-", 0)
		s.pending("d", 0)
		s.litter("d/k", "k", "k", "k-1", "k.x", "kk")
		found := s.pending("k", 2)
		for _, p := range found {
			if p.Key != "k" || p.Token == "" || p.Started.IsZero() {
				s.Errorf("pending %+v", p)
			}
			if err := s.b.Discard(s.ctx, p.Token); err != nil {
				s.Errorf("Discard of what is pending: %v", err)
			}
		}
		s.pending("k", 0)
		s.litter("d/k", "k-1", "k.x", "kk")
		_, err = s.a.Publish(s.ctx, staged)
		s.is(err, storage.ErrNotExist, "publishing what was swept")
		if token, err := open.Stage(s.ctx); err == nil {
			_, err = s.a.Publish(s.ctx, token)
			s.is(err, storage.ErrNotExist, "publishing what was swept in mid-stream")
		}
		s.lacks("k")
		s.publish(s.stage("k", []byte("y"), nil))
		s.pending("k", 0)
	}},
}

// litter holds all that is pending, whatever its key, against the keys it must have, sorted, if the store can tell.
func (s *suite) litter(want ...string) {
	s.Helper()
	litter, ok := s.a.(storage.Litter)
	if !ok {
		return
	}
	var got []string
	for p, err := range litter.Temporary(s.ctx) {
		if err != nil {
			s.Fatalf("Temporary: %v", err)
		}
		got = append(got, p.Key)
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		s.Errorf("Temporary gave %q, want %q", got, want)
	}
}

// pending names what is pending of key, which must be n streams, if the store can tell.
func (s *suite) pending(key string, n int) []storage.Pending {
	s.Helper()
	sweeper, ok := s.a.(storage.Sweeper)
	if !ok {
		return nil
	}
	found, err := sweeper.PendingOf(s.ctx, key)
	if err != nil {
		s.Fatalf("PendingOf(%s): %v", key, err)
	}
	if len(found) != n {
		s.Fatalf("PendingOf(%s) gave %d streams, want %d: %+v", key, len(found), n, found)
	}
	return found
}
