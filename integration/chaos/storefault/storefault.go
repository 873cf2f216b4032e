// Package storefault stands between the processes and an S3 server: an HTTP proxy per process that passes everything on
// until told to refuse, lose, delay or damage requests and replies.
//
// Hosts and bodies go through as they came, so that signatures and checksums hold.
package storefault

import (
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Fate is what befalls one request. The zero value is nothing. Where several are set the first listed decides.
type Fate struct {
	Refuse  bool          // 503 SlowDown; the server never hears of it
	Lose    bool          // the connection is closed; the server never hears of it
	Late    time.Duration // the connection is closed, and the server hears of the request only then
	Unheard bool          // the server does it; the reply is lost
	Delay   time.Duration // the reply waits so long
	Cut     bool          // the body of the reply ends half way
	Flip    bool          // one bit of the body of the reply is another
	First   func()        // called before anything else
	Then    func()        // called when the request has taken effect and nobody has been told
}

// Request is what a rule sees of a request.
type Request struct {
	From string // the process that sends it
	*http.Request
}

// Write says that the request may change something.
func (r Request) Write() bool { return r.Method != http.MethodGet && r.Method != http.MethodHead }

// Key is the path without the slash before the bucket.
func (r Request) Key() string { return strings.TrimPrefix(r.URL.Path, "/") }

// Rule gives a request its fate. It is called for each, from many goroutines, one at a time; chance is a source for that.
type Rule func(r Request, chance *rand.Rand) Fate

// Store is a server and the rules before it. It is safe for concurrent use.
type Store struct {
	target string // host:port
	client *http.Transport

	mu     sync.Mutex
	rules  map[int]Rule // guarded by mu
	order  []int        // guarded by mu; of rules
	next   int          // guarded by mu
	chance *rand.Rand   // guarded by mu

	work   sync.WaitGroup // servers
	late   sync.WaitGroup // writes that are late
	closed chan struct{}
	once   sync.Once
	doors  []*Door // guarded by mu
}

// New makes the way to the server at endpoint (http://host:port). The seed decides about chances.
func New(endpoint string, seed uint64) *Store {
	return &Store{
		target: strings.TrimPrefix(endpoint, "http://"), rules: map[int]Rule{}, closed: make(chan struct{}),
		chance: rand.New(rand.NewPCG(seed, 0x5707e)),
		client: &http.Transport{MaxIdleConns: 256, MaxIdleConnsPerHost: 256, DisableCompression: true},
	}
}

// Set adds a rule until it is lifted.
func (s *Store) Set(rule Rule) (lift func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.next
	s.next++
	s.rules[id] = rule
	s.order = append(s.order, id)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.rules, id)
	}
}

// fate asks the rules, the oldest first; the first that has something to say decides.
func (s *Store) fate(r Request) Fate {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range s.order {
		if rule := s.rules[id]; rule != nil {
			if f := rule(r, s.chance); f.any() {
				return f
			}
		}
	}
	return Fate{}
}

func (f Fate) any() bool {
	return f.Refuse || f.Lose || f.Late > 0 || f.Unheard || f.Delay > 0 || f.Cut || f.Flip || f.Then != nil || f.First != nil
}

// Landed waits until all writes that are late have been made. Nobody sends any meanwhile.
func (s *Store) Landed() { s.late.Wait() }

// Close ends all doors. Writes that are late are not made any more.
func (s *Store) Close() {
	s.once.Do(func() { close(s.closed) })
	s.mu.Lock()
	doors := s.doors
	s.mu.Unlock()
	for _, d := range doors {
		_ = d.server.Close() // what is under way is of no interest any more
	}
	s.work.Wait()
	s.late.Wait()
	s.client.CloseIdleConnections()
}
