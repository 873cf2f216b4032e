// Package probe finds out whether a store keeps the sentences of its contract that a cluster's safety rests on.
//
// Servers that ignore a condition, or keep it for one kind of request alone, are common; on such a store two leaders
// would overwrite each other without noticing. A coordinator probes its store before it leads. What no handful of
// requests can show is a race: for that the tested servers are named in the documentation.
package probe

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"time"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
)

// Check tries the store with some dozen requests on keys below probe/ that nobody else uses, and removes them. A
// sentence that is not kept is an error of kind Invalid that names it. Other errors say that the store could not be
// tried, and keep their kind.
func Check(ctx context.Context, s storage.Store) error {
	p := prober{ctx: ctx, s: s, root: "probe/" + strings.ToLower(rand.Text())}
	defer p.clean()
	if err := p.records(); err != nil {
		return err
	}
	return p.streams()
}

type prober struct {
	ctx    context.Context
	s      storage.Store
	root   string
	tokens []storage.Token
}

// records tries the conditions of PutIf.
func (p *prober) records() error {
	key := p.root + "/record"
	put := func(key, body string, want storage.Version) (storage.Version, error) {
		// A nonce, because servers give equal bytes equal versions.
		return p.s.PutIf(p.ctx, key, []byte(body+" "+rand.Text()), want)
	}
	v1, err := put(key, "first", "")
	if err != nil {
		return failed("creating a key", err)
	}
	if _, err = put(key, "again", ""); !errors.Is(err, storage.ErrPrecondition) {
		return wrong("creating a key that exists must be refused", err)
	}
	v2, err := put(key, "second", v1)
	if err != nil {
		return failed("replacing the version that is there", err)
	}
	if _, err = put(key, "stale", v1); !errors.Is(err, storage.ErrPrecondition) {
		return wrong("replacing a version that is gone must be refused", err)
	}
	if _, err = put(p.root+"/missing", "x", v2); !errors.Is(err, storage.ErrPrecondition) {
		return wrong("replacing a version of a key that does not exist must be refused", err)
	}
	body, info, err := p.s.Get(p.ctx, key)
	if err != nil {
		return failed("reading what was written", err)
	}
	if info.Version != v2 || !bytes.HasPrefix(body, []byte("second ")) {
		return wrong("a read must show the last write that succeeded, with its version", nil)
	}
	return nil
}

// streams tries the condition of Publish, and that nothing shows before it.
func (p *prober) streams() error {
	stage := func(key string) (storage.Token, error) {
		w, err := p.s.Create(p.ctx, key, map[string]string{"probe": "1"})
		if err != nil {
			return "", err
		}
		if _, err := w.Write([]byte("stream")); err != nil {
			return "", errors.Join(err, w.Abort())
		}
		t, err := w.Stage(p.ctx)
		if err == nil {
			p.tokens = append(p.tokens, t)
		}
		return t, err
	}
	second, err := stage(p.root + "/record")
	if err != nil {
		return failed("staging a stream", err)
	}
	if _, err := p.s.Publish(p.ctx, second); !errors.Is(err, storage.ErrPrecondition) {
		return wrong("publishing onto a key that exists must be refused", err)
	}
	first, err := stage(p.root + "/stream")
	if err != nil {
		return failed("staging a stream", err)
	}
	if _, err := p.s.Stat(p.ctx, p.root+"/stream"); !errors.Is(err, storage.ErrNotExist) {
		return wrong("a staged stream must not show before it is published", err)
	}
	if _, err := p.s.Publish(p.ctx, first); err != nil {
		return failed("publishing a stream", err)
	}
	var keys []string
	for info, err := range p.s.List(p.ctx, p.root+"/", "") {
		if err != nil {
			return failed("listing", err)
		}
		keys = append(keys, strings.TrimPrefix(info.Key, p.root+"/"))
	}
	if strings.Join(keys, " ") != "record stream" {
		return wrong("a listing must show all that was written before it, in order, and nothing else", nil)
	}
	return nil
}

// clean removes what was written, also when the caller has given up. What stays behind is small and in nobody's way.
func (p *prober) clean() {
	ctx, stop := context.WithTimeout(context.WithoutCancel(p.ctx), 10*time.Second)
	defer stop()
	for _, t := range p.tokens {
		_ = p.s.Discard(ctx, t)
	}
	for _, name := range []string{"record", "missing", "stream"} {
		_ = p.s.Delete(ctx, p.root+"/"+name)
	}
}

func failed(what string, err error) error { return errs.E(errs.KindOf(err), "probe store", what, err) }

// wrong says which sentence is not kept. An err that is no verdict of the store's means that it could not be tried.
func wrong(sentence string, err error) error {
	if err != nil && !errors.Is(err, storage.ErrPrecondition) && !errors.Is(err, storage.ErrNotExist) {
		return failed(sentence, err)
	}
	return errs.New(errs.Invalid, "probe store: %s, and this store does not keep to it: it cannot hold a cluster", sentence)
}
