package pluginhost

import (
	"slices"
	"sync"
)

// Ready is what a machine has of plugins before a job asks for them: binaries where they lie, and processes that were
// started to be asked what they are and have worked for nobody yet. The zero value has none, as nil does. It is safe for
// concurrent use, and may be filled while a Host uses it.
type Ready struct {
	mu      sync.Mutex
	plugins map[string]ready // guarded by mu; by digest
}

type ready struct {
	path    string
	process *Process // nil: none, or it has been taken
}

// Put offers the binary at path, whose bytes the caller has checked to have the digest, and a process of it; nil offers
// none. The process remains the caller's to close, whether it is taken or not.
func (r *Ready) Put(digest, path string, p *Process) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.plugins == nil {
		r.plugins = map[string]ready{}
	}
	r.plugins[digest] = ready{path, p}
}

func (r *Ready) path(digest string) (path string, ok bool) {
	if r == nil {
		return "", false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	b, ok := r.plugins[digest]
	return b.path, ok
}

// take gives a process that is as if s had just started it, but once; nil where there is none. It stands in another
// scratch folder.
func (r *Ready) take(s Spec) *Process {
	if r == nil || s.Digest == "" {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.plugins[s.Digest]
	if b.process == nil {
		return nil
	}
	is := b.process.spec
	if !slices.Equal(is.Args, s.Args) || is.Slots != s.Slots || is.Profile != s.Profile || is.PlainStream != s.PlainStream {
		return nil
	}
	r.plugins[s.Digest] = ready{path: b.path}
	if dead, _ := b.process.Exited(); dead {
		return nil
	}
	return b.process
}
