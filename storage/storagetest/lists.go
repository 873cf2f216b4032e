package storagetest

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
)

var lists = []sentence{
	{"List is in byte order, by prefix, after a key", func(s *suite) {
		// Walking folders gives another order than comparing keys: "-" and "." sort before "/", letters after it.
		all := []string{"A", "a-b", "a.b", "a/-", "a/b", "a/b-c", "a0", "a=b", "aa/x/y", "aa/x0", "a_b", "b/a", "b/a.b", "b/b/c", "z"}
		slices.Sort(all)
		for i := len(all) - 1; i >= 0; i-- {
			s.put(all[i], all[i], "")
		}
		after := append([]string{"", "a", "a/", "a/b/", "a0x", "zz", "aa/x/", "b/"}, all...)
		for _, prefix := range []string{"", "a", "a/", "a/b", "a-", "aa", "aa/x", "aa/x/", "b", "b/a", "zz", "c/"} {
			for _, after := range after {
				want := []string{}
				for _, key := range all {
					if strings.HasPrefix(key, prefix) && key > after {
						want = append(want, key)
					}
				}
				if got := s.keys(s.b.List(s.ctx, prefix, after)); !slices.Equal(got, want) {
					s.Errorf("List(%q, after %q) = %v, want %v", prefix, after, got, want)
				}
			}
		}
	}},
	{"List gives sizes and versions", func(s *suite) {
		v := s.put("a", "12345", "")
		p := s.publish(s.stage("b", make([]byte, 70000), map[string]string{"x": "y"}))
		for info, err := range s.b.List(s.ctx, "", "") {
			if err != nil {
				s.Fatal(err)
			}
			switch {
			case info.Key == "a" && info.Size == 5 && info.Version == v:
			case info.Key == "b" && info.Size == 70000 && info.Version == p.Version:
			default:
				s.Errorf("List gave %+v", info)
			}
			if info.ModTime.IsZero() {
				s.Errorf("List gave no time of %s", info.Key)
			}
		}
	}},
	{"List can be left early", func(s *suite) {
		for _, key := range []string{"a", "b", "c"} {
			s.put(key, "x", "")
		}
		for info, err := range s.a.List(s.ctx, "", "a") {
			if err != nil || info.Key != "b" {
				s.Fatalf("List gave %+v, %v first", info, err)
			}
			break
		}
	}},
	{"List is complete for all that ended before it", func(s *suite) {
		want := []string{}
		for i := range 20 {
			key := fmt.Sprintf("n/%02d", i)
			want = append(want, key)
			if i%2 == 0 {
				s.put(key, "x", "")
			} else {
				s.publish(s.stage(key, []byte("x"), nil))
			}
			if got := s.keys(s.b.List(s.ctx, "n/", "")); !slices.Equal(got, want) {
				s.Fatalf("after writing %s List gave %v", key, got)
			}
		}
		for len(want) > 0 {
			if err := s.a.Delete(s.ctx, want[0]); err != nil {
				s.Fatal(err)
			}
			want = want[1:]
			if got := s.keys(s.b.List(s.ctx, "n/", "")); !slices.Equal(got, want) {
				s.Fatalf("List gave %v, want %v", got, want)
			}
		}
	}},
	{"List goes on past a page", func(s *suite) {
		const n = 1010 // servers give 1000 at a time
		var g errgroup.Group
		g.SetLimit(16)
		for i := range n {
			g.Go(func() error {
				_, err := s.a.PutIf(s.ctx, fmt.Sprintf("p/%04d/x", i), []byte("x"), "")
				return err
			})
		}
		if err := g.Wait(); err != nil {
			s.Fatal(err)
		}
		if got := s.keys(s.b.List(s.ctx, "p/", "")); len(got) != n {
			s.Fatalf("List gave %d keys, want %d", len(got), n)
		}
		if got := s.keys(s.b.List(s.ctx, "p/", "p/0003/x")); len(got) != n-4 || got[0] != "p/0004/x" {
			s.Fatalf("List after the fourth gave %d keys, want %d", len(got), n-4)
		}
	}},
}
