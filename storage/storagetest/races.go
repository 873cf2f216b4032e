package storagetest

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/mrctl/mrctl/storage"
)

// handle gives the i-th contender one of the two.
func (s *suite) handle(i int) storage.Store {
	if i%2 == 0 {
		return s.a
	}
	return s.b
}

// contend runs n contenders at once and waits for them. What they report with Errorf fails the test.
func (s *suite) contend(n int, f func(i int, store storage.Store)) {
	var start, end sync.WaitGroup
	start.Add(1)
	for i := range n {
		end.Go(func() {
			start.Wait()
			f(i, s.handle(i))
		})
	}
	start.Done()
	end.Wait()
}

var races = []sentence{
	{"one of many creators wins", func(s *suite) {
		for round := range 12 {
			key := fmt.Sprintf("r/%d", round)
			var wins atomic.Int32
			var winner atomic.Value
			s.contend(16, func(i int, store storage.Store) {
				body := fmt.Sprintf("creator %d", i)
				switch _, err := store.PutIf(s.ctx, key, []byte(body), ""); {
				case err == nil:
					wins.Add(1)
					winner.Store(body)
				case !errors.Is(err, storage.ErrPrecondition):
					s.Errorf("creator %d: %v", i, err)
				}
			})
			if wins.Load() != 1 {
				s.Fatalf("round %d: %d creators won", round, wins.Load())
			}
			s.holds(key, []byte(winner.Load().(string)))
		}
	}},
	{"one of many replacers wins", func(s *suite) {
		v := s.put("k", "start", "")
		for round := range 12 {
			var wins atomic.Int32
			var winner, version atomic.Value
			s.contend(16, func(i int, store storage.Store) {
				body := fmt.Sprintf("round %d replacer %d", round, i)
				switch w, err := store.PutIf(s.ctx, "k", []byte(body), v); {
				case err == nil:
					wins.Add(1)
					winner.Store(body)
					version.Store(w)
				case !errors.Is(err, storage.ErrPrecondition):
					s.Errorf("replacer %d: %v", i, err)
				}
			})
			if wins.Load() != 1 {
				s.Fatalf("round %d: %d replacers won", round, wins.Load())
			}
			s.holds("k", []byte(winner.Load().(string)))
			v = version.Load().(storage.Version)
		}
	}},
	{"no update of a counter is lost", func(s *suite) {
		const contenders, each = 12, 12
		s.put("n", "0 start", "")
		s.contend(contenders, func(i int, store storage.Store) {
			for done := 0; done < each; {
				body, info, err := store.Get(s.ctx, "n")
				if err != nil {
					s.Errorf("Get: %v", err)
					return
				}
				text, _, _ := bytes.Cut(body, []byte(" "))
				n, err := strconv.Atoi(string(text))
				if err != nil {
					s.Errorf("the counter reads %q", body)
					return
				}
				next := fmt.Appendf(nil, "%d by %d, his number %d", n+1, i, done)
				switch _, err := store.PutIf(s.ctx, "n", next, info.Version); {
				case err == nil:
					done++
				case !errors.Is(err, storage.ErrPrecondition):
					s.Errorf("PutIf: %v", err)
					return
				}
			}
		})
		body, _, err := s.a.Get(s.ctx, "n")
		if err != nil {
			s.Fatal(err)
		}
		if want := fmt.Sprintf("%d by ", contenders*each); !bytes.HasPrefix(body, []byte(want)) {
			s.Fatalf("the counter ends at %q, want %s...", body, want)
		}
	}},
	{"readers never see a mix", func(s *suite) {
		const size = 256 << 10
		uniform := func(b []byte) bool { return len(b) == size && bytes.Count(b, b[:1]) == size }
		v := s.put("k", string(bytes.Repeat([]byte("a"), size)), "")
		seen := sync.Map{} // version -> letter
		seen.Store(v, byte('a'))
		var stop atomic.Bool
		s.contend(5, func(i int, store storage.Store) {
			if i == 0 {
				defer stop.Store(true)
				for n := range 60 {
					letter := byte('a' + n%2)
					body := bytes.Repeat([]byte{letter}, size)
					w, err := store.PutIf(s.ctx, "k", body, v)
					if err != nil {
						s.Errorf("PutIf: %v", err)
						return
					}
					seen.Store(w, letter)
					v = w
				}
				return
			}
			for !stop.Load() {
				var body []byte
				var info storage.Info
				var err error
				if i%2 == 0 {
					body, info, err = readAll(s.ctx, store, "k", 0, -1)
				} else {
					body, info, err = store.Get(s.ctx, "k")
				}
				if err != nil {
					if !errors.Is(err, storage.ErrPrecondition) { // "or fails": it was replaced under the reader
						s.Errorf("reader %d: %v", i, err)
						return
					}
					continue
				}
				if !uniform(body) {
					s.Errorf("reader %d saw a mix of contents", i)
					return
				}
				if letter, known := seen.Load(info.Version); known && letter != body[0] {
					s.Errorf("reader %d saw content %c with the version of %c", i, body[0], letter)
					return
				}
			}
		})
	}},
	{"one of many staged objects is published", func(s *suite) {
		for round := range 4 {
			key := fmt.Sprintf("p/%d", round)
			var tokens [6]storage.Token
			for i := range tokens {
				tokens[i] = s.stage(key, fmt.Appendf(nil, "attempt %d", i), map[string]string{"attempt": strconv.Itoa(i)})
			}
			// Everybody publishes twice at the same time: both calls for one token must agree.
			var ok [len(tokens)]atomic.Int32
			s.contend(2*len(tokens), func(i int, store storage.Store) {
				i %= len(tokens)
				switch info, err := store.Publish(s.ctx, tokens[i]); {
				case err == nil && info.Meta["attempt"] != strconv.Itoa(i):
					s.Errorf("attempt %d was told %+v", i, info)
				case err == nil:
					ok[i].Add(1)
				case !errors.Is(err, storage.ErrPrecondition):
					s.Errorf("attempt %d: %v", i, err)
				}
			})
			winner := -1
			for i := range ok {
				switch n := ok[i].Load(); {
				case n == 2 && winner < 0:
					winner = i
				case n != 0:
					s.Fatalf("round %d: attempt %d was told %d times that it won, %d won", round, i, n, winner)
				}
			}
			if winner < 0 {
				s.Fatalf("round %d: nobody won", round)
			}
			s.holds(key, fmt.Appendf(nil, "attempt %d", winner))
			for _, token := range tokens {
				if err := s.a.Discard(s.ctx, token); err != nil {
					s.Errorf("Discard: %v", err)
				}
			}
			s.pending(key, 0)
		}
	}},
	{"Publish and Discard agree", func(s *suite) {
		for round := range 8 {
			key := fmt.Sprintf("d/%d", round)
			token := s.stage(key, []byte("x"), nil)
			var published atomic.Bool
			s.contend(2, func(i int, store storage.Store) {
				if i == 1 {
					if err := store.Discard(s.ctx, token); err != nil {
						s.Errorf("Discard: %v", err)
					}
					return
				}
				switch _, err := store.Publish(s.ctx, token); {
				case err == nil:
					published.Store(true)
				case !errors.Is(err, storage.ErrNotExist):
					s.Errorf("Publish: %v", err)
				}
			})
			if published.Load() {
				s.holds(key, []byte("x"))
			} else {
				s.lacks(key)
			}
		}
	}},
}
