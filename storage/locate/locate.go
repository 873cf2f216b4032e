// Package locate turns what users write, paths and s3:// URIs, into stores and sources.
//
// A bucket's endpoint is the first of these that speaks of it: the patterns of the config file, --s3-endpoint,
// AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL; else it is AWS. So the cluster's store and the data may live on different
// servers under different credentials. URIs are taken byte for byte: nothing in them is escaped.
package locate

import (
	"cmp"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/local"
	"github.com/mrctl/mrctl/storage/s3"
)

// Resolver finds stores and sources. Those of one server share its connections. It is safe for concurrent use.
type Resolver struct {
	cfg Config

	mu      sync.Mutex
	clients map[s3.Options]*s3.Client // guarded by mu
	buckets map[string]storage.Source // guarded by mu
	files   storage.Source            // every local file there is; guarded by mu
}

// New makes a resolver. It reaches for nothing yet.
func New(cfg Config) (*Resolver, error) {
	if cfg.Getenv == nil {
		cfg.Getenv = os.Getenv
	}
	if err := cfg.check(); err != nil {
		return nil, err
	}
	return &Resolver{cfg: cfg, clients: map[s3.Options]*s3.Client{}, buckets: map[string]storage.Source{}}, nil
}

// Close drops idle connections.
func (r *Resolver) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.clients {
		c.Close()
	}
}

// Store gives the store at a folder's path or s3://bucket/prefix.
func (r *Resolver) Store(uri string) (storage.Store, error) {
	return r.store(uri, local.Options{NoSync: r.cfg.NoSync})
}

// Output gives a user's output as a store. Only what the contract calls for lies in it, and it survives a power cut.
func (r *Resolver) Output(uri string) (storage.Store, error) { return r.store(uri, local.Options{}) }

func (r *Resolver) store(uri string, opts local.Options) (storage.Store, error) {
	u, err := parse(uri)
	if err != nil {
		return nil, err
	}
	if u.bucket == "" {
		s, err := local.New(u.key, opts)
		if err != nil {
			return nil, err
		}
		return s, nil
	}
	c, err := r.client(u.bucket)
	if err != nil {
		return nil, errs.E(errs.KindOf(err), "store", uri, err)
	}
	return c.Store(u.bucket, u.key)
}

// Source gives the source that uri lies in, and its key there: of an object, or a prefix of several. One source serves
// each bucket, and one all local paths; those are made absolute, and end in a slash where uri does.
func (r *Resolver) Source(uri string) (src storage.Source, key string, err error) {
	u, err := parse(uri)
	if err != nil {
		return nil, "", err
	}
	if u.bucket != "" {
		src, err = r.bucket(u.bucket)
		return src, u.key, err
	}
	abs, err := filepath.Abs(u.key)
	if err != nil {
		return nil, "", errs.E(errs.Invalid, "path", uri, err)
	}
	if strings.HasSuffix(u.key, "/") && abs != "/" {
		abs += "/"
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.files == nil {
		if r.files, err = local.NewSource("/"); err != nil {
			return nil, "", err
		}
	}
	return r.files, abs[1:], nil
}

func (r *Resolver) bucket(name string) (storage.Source, error) {
	r.mu.Lock()
	src, ok := r.buckets[name]
	r.mu.Unlock()
	if ok {
		return src, nil
	}
	c, err := r.client(name)
	if err != nil {
		return nil, errs.E(errs.KindOf(err), "source", "s3://"+name, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if src, ok := r.buckets[name]; ok {
		return src, nil
	}
	r.buckets[name] = c.Source(name)
	return r.buckets[name], nil
}

// client gives the connection to the server that has a bucket.
func (r *Resolver) client(bucket string) (*s3.Client, error) {
	opts := r.options(bucket)
	r.mu.Lock()
	defer r.mu.Unlock()
	if c, ok := r.clients[opts]; ok {
		return c, nil
	}
	c, err := s3.NewClient(opts)
	if err == nil {
		r.clients[opts] = c
	}
	return c, err
}

// options says how to reach a bucket.
func (r *Resolver) options(bucket string) s3.Options {
	opts := r.server(bucket)
	opts.Patience = r.cfg.Patience
	return opts
}

func (r *Resolver) server(bucket string) s3.Options {
	region := cmp.Or(r.cfg.Getenv("AWS_REGION"), r.cfg.Getenv("AWS_DEFAULT_REGION"))
	for _, e := range r.cfg.Endpoints {
		if ok, err := path.Match(e.Buckets, bucket); err == nil && ok {
			return s3.Options{
				Endpoint: e.URL, Region: cmp.Or(e.Region, region), VirtualHost: e.VirtualHost,
				Credentials: s3.Credentials{Profile: e.Profile, File: e.CredentialsFile, Anonymous: e.Anonymous},
			}
		}
	}
	return s3.Options{
		Endpoint: cmp.Or(r.cfg.S3Endpoint, r.cfg.Getenv("AWS_ENDPOINT_URL_S3"), r.cfg.Getenv("AWS_ENDPOINT_URL")),
		Region:   region,
	}
}
