package storagetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/mrctl/mrctl/storage"
)

// History is what some clients did to records and what they were told, to be held against the contract of Get and PutIf: for
// each key there is one order of all that took effect which explains every answer, and in which whatever ended before
// another thing began comes before it (Herlihy and Wing's linearisability, checked by porcupine). It is safe for concurrent use.
//
// No two writes of a history may have the same body.
type History struct {
	of    func(key string) bool
	began time.Time

	mu     sync.Mutex
	ops    []porcupine.Operation
	bodies map[place]string // what was read or written under a version
}

type place struct {
	key     string
	version storage.Version
}

// NewHistory keeps what is done to the keys that of accepts.
func NewHistory(of func(key string) bool) *History {
	return &History{of: of, began: time.Now(), bodies: map[place]string{}}
}

// View is a client's way to the store; all it does is recorded.
func (h *History) View(client int, s storage.Store) storage.Store { return recorded{s, h, client} }

type recorded struct {
	storage.Store
	h      *History
	client int
}

// access is one call. A body of "" is absence.
type access struct {
	key      string
	put      bool
	old, new string // of a PutIf: the body that was to be replaced, and by what
}

// answer is what its caller learned.
type answer struct {
	err  outcome
	body string // of a Get
}

type outcome int

const (
	yes     outcome = iota
	no              // refused: it changed nothing and never will
	unknown         // it may have happened, or may yet
)

func (s recorded) Get(ctx context.Context, key string) ([]byte, storage.Info, error) {
	if !s.h.of(key) {
		return s.Store.Get(ctx, key)
	}
	call := time.Since(s.h.began)
	body, info, err := s.Store.Get(ctx, key)
	if err == nil || errors.Is(err, storage.ErrNotExist) { // else nothing was learned
		if err == nil {
			s.h.saw(key, info.Version, string(body))
		}
		s.h.add(s.client, call, access{key: key}, answer{body: string(body)})
	}
	return body, info, err
}

func (s recorded) PutIf(ctx context.Context, key string, body []byte, want storage.Version) (storage.Version, error) {
	if !s.h.of(key) {
		return s.Store.PutIf(ctx, key, body, want)
	}
	a := access{key: key, put: true, old: s.h.body(key, want), new: string(bytes.Clone(body))}
	call := time.Since(s.h.began)
	v, err := s.Store.PutIf(ctx, key, body, want)
	switch {
	case err == nil:
		s.h.saw(key, v, a.new)
		s.h.add(s.client, call, a, answer{})
	case errors.Is(err, storage.ErrPrecondition):
		s.h.add(s.client, call, a, answer{err: no})
	case errors.Is(err, storage.ErrUnknown):
		s.h.add(s.client, call, a, answer{err: unknown})
	}
	return v, err
}

func (h *History) saw(key string, v storage.Version, body string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.bodies[place{key, v}] = body
}

func (h *History) body(key string, v storage.Version) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if v == "" {
		return ""
	}
	if b, ok := h.bodies[place{key, v}]; ok {
		return b
	}
	return "version " + string(v) + ", which nobody was ever given"
}

func (h *History) add(client int, call time.Duration, a access, out answer) {
	ret := int64(time.Since(h.began))
	if out.err == unknown {
		ret = math.MaxInt64 // it may take effect long after its caller has gone
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, porcupine.Operation{ClientId: client, Input: a, Call: int64(call), Output: out, Return: ret})
}

// register is the contract of one record.
var register = porcupine.Model{
	Partition: func(ops []porcupine.Operation) (parts [][]porcupine.Operation) {
		of := map[string]int{}
		for _, op := range ops {
			key := op.Input.(access).key
			i, ok := of[key]
			if !ok {
				i = len(parts)
				of[key], parts = i, append(parts, nil)
			}
			parts[i] = append(parts[i], op)
		}
		return parts
	},
	Init: func() any { return "" },
	Step: func(state, in, out any) (bool, any) {
		now, a, o := state.(string), in.(access), out.(answer)
		switch {
		case !a.put:
			return o.body == now, now
		case o.err == no:
			return now != a.old, now
		case now == a.old:
			return true, a.new
		}
		return o.err == unknown, now
	},
	DescribeOperation: func(in, out any) string {
		a, o := in.(access), out.(answer)
		if !a.put {
			return fmt.Sprintf("get %s: %.40q", a.key, o.body)
		}
		return fmt.Sprintf("put %s, %.40q for %.40q: %s", a.key, a.new, a.old, [...]string{"done", "refused", "unknown"}[o.err])
	},
}

// settled takes out of a history what makes it long to check and cannot change the verdict. No body comes back once it was
// replaced. So where a write of unknown outcome would have replaced a body that another is known to have replaced, it never took
// effect; and where what it wrote was seen, it did before whoever saw it was told.
func settled(ops []porcupine.Operation) (kept []porcupine.Operation) {
	type body struct{ key, body string }
	seen := map[body]int64{} // when it was first told of
	tell := func(b body, at int64) {
		if first, ok := seen[b]; !ok || at < first {
			seen[b] = at
		}
	}
	for _, op := range ops {
		switch a, o := op.Input.(access), op.Output.(answer); {
		case !a.put:
			tell(body{a.key, o.body}, op.Return)
		case o.err == yes:
			tell(body{a.key, a.new}, op.Return)
			tell(body{a.key, a.old}, op.Return)
		}
	}
	next := map[body]string{} // what replaced a body
	for _, op := range ops {
		a := op.Input.(access)
		if _, took := seen[body{a.key, a.new}]; a.put && took {
			next[body{a.key, a.old}] = a.new
		}
	}
	for _, op := range ops {
		if a := op.Input.(access); a.put && op.Output.(answer).err == unknown {
			if by, ok := next[body{a.key, a.old}]; ok && by != a.new {
				continue
			}
			if at, ok := seen[body{a.key, a.new}]; ok {
				op.Return = max(at, op.Call)
			}
		}
		kept = append(kept, op)
	}
	return kept
}

// Check fails the test if no order explains the history, and says how many calls of each outcome it has.
func (h *History) Check(t testing.TB) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	var gets int
	var puts [3]int
	for _, op := range h.ops {
		if a := op.Input.(access); a.put {
			puts[op.Output.(answer).err]++
		} else {
			gets++
		}
	}
	t.Logf("%d gets; puts: %d done, %d refused, %d unknown", gets, puts[yes], puts[no], puts[unknown])
	if gets == 0 || puts[yes] == 0 {
		t.Error("a history in which nothing happened proves nothing")
	}
	switch porcupine.CheckOperationsTimeout(register, settled(h.ops), 30*time.Second) {
	case porcupine.Illegal:
		t.Error("no order of its writes explains what clients of a record were told")
	case porcupine.Unknown:
		t.Error("the history is too long to be checked")
	}
}
