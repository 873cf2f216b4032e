// Package s3 is a Store in a bucket of any server that speaks S3 with conditional writes, and a Source over a bucket.
//
// It goes round these traps of the protocol and of the client library:
//
//   - A library that sends a write again by itself turns a win whose reply was lost into a refusal, so the library
//     tries everything once. What is idempotent is tried again here (again.go), and nowhere below.
//   - The library drops the condition of an upload in parts, so records are one PUT, and streams are assembled here:
//     Create opens an upload in parts, Stage leaves it open, Publish completes it under If-None-Match.
//   - A refused completion says nothing about who won, so each upload carries an id in its metadata and the winner is
//     recognised by that. Small and empty streams are uploads in parts too: of one part, which may be of any size.
//   - Chunk signatures corrupt bodies or break on empty ones with some servers, so payloads go unsigned and carry a
//     CRC32C, which the server checks: in a trailer for records, in a header for parts.
//   - A body that is cut is read on with a range and If-Match.
//   - Every try has a deadline of its own; a body may take as long as bytes keep coming.
//   - Records and data have clients of their own, so that no bulk transfer starves a lease.
package s3

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/minio/minio-go/v7"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/retry"
)

// Options say how to reach a server. The zero value is AWS with the credentials of environment, files or instance.
type Options struct {
	// Endpoint is the server's address, http://host:port or https://host. Empty means AWS.
	Endpoint string
	// Region is part of each signature. Empty means us-east-1, except on AWS, where the bucket is asked.
	Region string
	// VirtualHost puts the bucket into the host name on other servers than AWS too, where the path is usual.
	VirtualHost bool
	// Credentials are looked for where AWS's tools look, if this is zero.
	Credentials Credentials
	// PartSize is how much of a stream is sent at once, in bytes; a stream holds up to twice as much in memory and may
	// be 10,000 times as long. Zero means 8 MiB; below 5 MiB is refused.
	PartSize int
	// Timeout bounds each try of a request that moves no bulk data. Zero means 10 s.
	Timeout time.Duration
	// Patience is how long what may be repeated is tried in all, at an outage of the server. Zero means 3 s, which is for
	// people who wait; servers wait longer.
	Patience time.Duration
}

const (
	minPart    = 5 << 20
	maxParts   = 10_000
	slowest    = 100 << 10 // bytes a second below which a transfer counts as stuck
	defaultPt  = 8 << 20
	defaultTmo = 10 * time.Second
	defaultPat = 3 * time.Second
)

// Client is a connection to a server, shared by the stores and sources on its buckets.
type Client struct {
	opts       Options
	region     string
	records    minio.Core
	data       minio.Core
	transports []*http.Transport
	versions   atomic.Int32 // what versions are on this server: see sums.go

	mu    sync.Mutex
	gates map[place]*retry.Gate // guarded by mu
}

// NewClient makes a client. It sends nothing.
func NewClient(opts Options) (*Client, error) { return newClient(opts, nil) }

// newClient has wrap, where it is not nil, stand between the client and the network.
func newClient(opts Options, wrap func(http.RoundTripper) http.RoundTripper) (*Client, error) {
	if opts.PartSize == 0 {
		opts.PartSize = defaultPt
	}
	if opts.PartSize < minPart {
		return nil, errs.New(errs.Invalid, "parts of %d bytes: servers want 5 MiB at least", opts.PartSize)
	}
	if opts.Timeout == 0 {
		opts.Timeout = defaultTmo
	}
	if opts.Patience == 0 {
		opts.Patience = defaultPat
	}
	host, secure, err := endpoint(opts.Endpoint)
	if err != nil {
		return nil, err
	}
	c := &Client{opts: opts, region: opts.Region, gates: map[place]*retry.Gate{}}
	if c.region == "" && opts.Endpoint != "" {
		c.region = "us-east-1"
	}
	creds := opts.Credentials.chain()
	for _, half := range []struct {
		core *minio.Core
		conn int           // idle connections to keep
		wait time.Duration // for the first byte of a reply
	}{{&c.records, 64, opts.Timeout}, {&c.data, 256, time.Minute}} {
		t := &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
			MaxIdleConns:          half.conn,
			MaxIdleConnsPerHost:   half.conn,
			IdleConnTimeout:       time.Minute,
			TLSHandshakeTimeout:   5 * time.Second,
			ResponseHeaderTimeout: half.wait,
			DisableCompression:    true, // an object stored compressed is to come as it is
		}
		var rt http.RoundTripper = fresh{t}
		if wrap != nil {
			rt = wrap(rt)
		}
		rt = clockCheck{rt}
		lookup := minio.BucketLookupAuto
		if opts.VirtualHost {
			lookup = minio.BucketLookupDNS
		}
		core, err := minio.NewCore(host, &minio.Options{
			Creds: creds, Secure: secure, Region: c.region, Transport: rt, BucketLookup: lookup,
			MaxRetries: 1, TrailingHeaders: true,
		})
		if err != nil {
			return nil, errs.E(errs.Invalid, "endpoint", opts.Endpoint, err)
		}
		*half.core = *core
		c.transports = append(c.transports, t)
	}
	return c, nil
}

// Close drops idle connections. Requests under way are not disturbed.
func (c *Client) Close() {
	for _, t := range c.transports {
		t.CloseIdleConnections()
	}
}

// Store gives the store of a bucket, below prefix: components joined by slashes, of any UTF-8, or nothing for the whole
// bucket.
func (c *Client) Store(bucket, prefix string) (*Store, error) {
	prefix = strings.TrimSuffix(prefix, "/")
	if bucket == "" {
		return nil, errs.New(errs.Invalid, "a store without a bucket")
	}
	if prefix == "" {
		return &Store{c: c, bucket: bucket}, nil
	}
	for part := range strings.SplitSeq(prefix, "/") {
		if part == "" || part == "." || part == ".." || !utf8.ValidString(part) {
			return nil, errs.New(errs.Invalid, "s3://%s/%s cannot hold a store: component %q", bucket, prefix, part)
		}
	}
	return &Store{c: c, bucket: bucket, prefix: prefix + "/"}, nil
}

// Source gives the objects of a bucket as they are.
func (c *Client) Source(bucket string) *Source { return &Source{c: c, bucket: bucket} }

// New is a store with a client of its own.
func New(bucket, prefix string, opts Options) (*Store, error) {
	c, err := NewClient(opts)
	if err != nil {
		return nil, err
	}
	return c.Store(bucket, prefix)
}

// NewSource is a source with a client of its own.
func NewSource(bucket string, opts Options) (*Source, error) {
	c, err := NewClient(opts)
	if err != nil {
		return nil, err
	}
	return c.Source(bucket), nil
}

func endpoint(text string) (host string, secure bool, err error) {
	if text == "" {
		return "s3.amazonaws.com", true, nil
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
	case u.Scheme != "http" && u.Scheme != "https":
		err = errors.New("want http://host:port or https://host")
	case u.Host == "":
		err = errors.New("names no host")
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.User != nil:
		err = errors.New("has more than scheme and host")
	default:
		return u.Host, u.Scheme == "https", nil
	}
	return "", false, errs.E(errs.Invalid, "endpoint", text, err)
}

// short bounds one try of a small request, bulk of one that moves n bytes.
func (c *Client) short(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, c.opts.Timeout, errSlow)
}

func (c *Client) bulk(ctx context.Context, n int64) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, 30*time.Second+time.Duration(n/slowest)*time.Second, errSlow)
}

var errSlow = errs.New(errs.Unavailable, "no answer in time")
