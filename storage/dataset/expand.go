package dataset

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
)

// Expand yields the objects that the URIs name: the URIs in the order given, the objects of each in byte order of their
// names. It stops at the first error.
//
// A URI is an absolute path, with or without file:// before it, or scheme://bucket/key. It names, the first that is there: an object of exactly that name;
// all objects below a folder of that name; what it matches as a glob (see glob). Below a folder, names that begin with
// "." or "_" are skipped at every level. Links to files are read; a link to a folder is followed where the URI spells it
// out and skipped below that, so that walks end and nothing is read twice.
//
// A URI that names nothing is an errs.NotFound. An object named twice is yielded once. What is skipped is told to warn,
// which may be nil.
func Expand(ctx context.Context, src Sources, uris []string, warn func(text string)) iter.Seq2[Object, error] {
	if warn == nil {
		warn = func(string) {}
	}
	return func(yield func(Object, error) bool) {
		e := &expansion{src: src, warn: warn}
		if len(uris) > 1 {
			e.seen = map[string]struct{}{}
		}
		for _, uri := range uris {
			if !e.one(ctx, uri, yield) {
				return
			}
		}
	}
}

type expansion struct {
	src  Sources
	warn func(string)
	seen map[string]struct{} // the URIs yielded; nil where there can be no doubles
}

// errStop ends a walk whose consumer has seen enough.
var errStop = errors.New("stop")

// one expands one URI. It reports whether to go on.
func (e *expansion) one(ctx context.Context, uri string, yield func(Object, error) bool) bool {
	found, again := 0, 0
	visit := func(o Object) error {
		found++
		if e.seen != nil {
			if _, twice := e.seen[o.URI]; twice {
				again++
				return nil
			}
			e.seen[o.URI] = struct{}{}
		}
		if !yield(o, nil) {
			return errStop
		}
		return nil
	}
	var err error
	if name, file := strings.CutPrefix(uri, "file://"); file || !remote(uri) {
		err = e.local(ctx, name, visit)
	} else {
		err = e.bucket(ctx, uri, visit)
	}
	switch {
	case errors.Is(err, errStop):
		return false
	case err == nil && found == 0:
		err = errs.E(errs.NotFound, "input", uri, errors.New("there is no such file, folder or object, and nothing matches it"))
	}
	if err != nil {
		yield(Object{}, err)
		return false
	}
	if again > 0 {
		e.warn(fmt.Sprintf("input %s: %d of its objects are named by an earlier input too and are read once", uri, again))
	}
	return true
}

// bucket expands scheme://bucket/key.
func (e *expansion) bucket(ctx context.Context, uri string, visit func(Object) error) error {
	scheme, rest, _ := strings.Cut(uri, "://")
	bucket, want, _ := strings.Cut(rest, "/")
	if bucket == "" {
		return errs.E(errs.Invalid, "input", uri, errors.New("no bucket is named"))
	}
	l := &listing{base: scheme + "://" + bucket + "/", visit: visit}
	src, key, err := e.src.Source(l.base + want)
	if err != nil {
		return err
	}
	l.src = src
	folder := key
	if key != "" && !strings.HasSuffix(key, "/") {
		switch info, err := src.Stat(ctx, key); {
		case err == nil:
			return visit(Object{URI: l.base + key, Size: info.Size, Version: info.Version})
		case !errors.Is(err, storage.ErrNotExist):
			return errs.E(errs.Other, "input", uri, err)
		}
		folder = key + "/"
	}
	// As a folder first, even where the name could be a glob.
	n, err := l.below(ctx, folder, nil)
	if err != nil || n > 0 || !hasMeta(key) {
		return err
	}
	g, err := parseGlob(strings.TrimRight(key, "/"))
	if err != nil {
		return errs.E(errs.Invalid, "input", uri, err)
	}
	_, err = l.below(ctx, key[:strings.IndexAny(key, `*?[\`)], g)
	return err
}

// listing visits what List shows of a bucket.
type listing struct {
	src   storage.Source
	base  string // what stands before a key in a URI
	visit func(Object) error
}

// below visits the objects whose keys begin with prefix and match g, or, without a glob, are not hidden below prefix.
// It returns how many keys the prefix has.
func (l *listing) below(ctx context.Context, prefix string, g glob) (n int, err error) {
	for info, err := range l.src.List(ctx, prefix, "") {
		if err != nil {
			return n, errs.E(errs.Other, "list input", l.base+prefix, err)
		}
		n++
		name := info.Key
		if g == nil {
			name = name[len(prefix):]
		}
		// A key that ends in "/" is the mark some tools leave for an empty folder.
		if strings.HasSuffix(info.Key, "/") || !g.match(name) {
			continue
		}
		if info.Version == "" {
			if info, err = l.src.Stat(ctx, info.Key); err != nil {
				return n, errs.E(errs.Other, "input", l.base+info.Key, err)
			}
		}
		if err := l.visit(Object{URI: l.base + info.Key, Size: info.Size, Version: info.Version}); err != nil {
			return n, err
		}
	}
	return n, nil
}
