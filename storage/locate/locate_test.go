package locate

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/s3server"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/s3"
)

func env(pairs ...string) func(string) string {
	return func(name string) string {
		for _, p := range pairs {
			if k, v, _ := strings.Cut(p, "="); k == name {
				return v
			}
		}
		return ""
	}
}

func resolver(t *testing.T, cfg Config) *Resolver {
	t.Helper()
	r, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func TestIsLocal(t *testing.T) {
	for uri, want := range map[string]bool{
		"a": true, "/a/b": true, "./s3://x": true, "file:///a": true, "a:b": true, "s3:/x": true,
		"s3://b/k": false, "gs://b": false, "S3://b": false,
	} {
		if IsLocal(uri) != want {
			t.Errorf("IsLocal(%q) = %v", uri, !want)
		}
	}
}

func TestSource(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	dir, err := os.Getwd() // as the system names it
	if err != nil {
		t.Fatal(err)
	}
	r := resolver(t, Config{})
	for uri, want := range map[string]string{
		"a/b": dir + "/a/b", "./a//b/../c/": dir + "/a/c/", ".": dir, "./": dir + "/", "/": "/", "/x/*.log": "/x/*.log",
		"file:///x/y z%20": "/x/y z%20", "ü?#": dir + "/ü?#",
		"s3://bucket": "/", "s3://bucket/": "/", "s3://bucket/a/b": "/a/b", "s3://bucket//a%2Fb?c#d/../e/": "//a%2Fb?c#d/../e/",
	} {
		src, key, err := r.Source(uri)
		if err != nil || src == nil || "/"+key != want {
			t.Errorf("Source(%q) has key %q, %v, want %q", uri, key, err, want[1:])
			continue
		}
		again, _, _ := r.Source(uri)
		if again != src {
			t.Errorf("Source(%q) was made twice", uri)
		}
		back := Object(uri, key)
		if src2, key2, err := r.Source(back); err != nil || src2 != src || key2 != key {
			t.Errorf("Object(%q, %q) = %q, which is %q, %v", uri, key, back, key2, err)
		}
	}
}

func TestBadURIs(t *testing.T) {
	r := resolver(t, Config{})
	for _, uri := range []string{"", "s3://", "s3:///key", "s3://UPPER/key", "s3://b", "gs://bucket/key", "http://x/y", "s3a://bucket/k", "file://host/x", "a\x00b", "s3://bucket/\xff"} {
		if _, _, err := r.Source(uri); !errs.Is(err, errs.Invalid) {
			t.Errorf("Source(%q): %v", uri, err)
		}
		if _, err := r.Store(uri); !errs.Is(err, errs.Invalid) {
			t.Errorf("Store(%q): %v", uri, err)
		}
	}
	for _, uri := range []string{"s3://bucket/a//b", "s3://bucket/../b"} {
		if _, err := r.Output(uri); !errs.Is(err, errs.Invalid) {
			t.Errorf("Output(%q): %v", uri, err)
		}
	}
}

func TestEndpoints(t *testing.T) {
	cfg, err := Parse([]byte(`
endpoints:
  - buckets: "logs-*"
    url: https://logs.example.com:9000
    region: eu-1
    profile: logs
  - buckets: public
    anonymous: true
  - buckets: "v?"
    url: http://v.example.com
    virtual_host: true
    credentials_file: /etc/keys
    profile: p
`))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Getenv = env("AWS_REGION=us-west-2", "AWS_ENDPOINT_URL=http://env", "AWS_ENDPOINT_URL_S3=http://env-s3")
	for bucket, want := range map[string]s3.Options{
		"logs-2026": {Endpoint: "https://logs.example.com:9000", Region: "eu-1", Credentials: s3.Credentials{Profile: "logs"}},
		"public":    {Region: "us-west-2", Credentials: s3.Credentials{Anonymous: true}},
		"v1":        {Endpoint: "http://v.example.com", Region: "us-west-2", VirtualHost: true, Credentials: s3.Credentials{Profile: "p", File: "/etc/keys"}},
		"other":     {Endpoint: "http://env-s3", Region: "us-west-2"},
	} {
		if got := resolver(t, cfg).options(bucket); got != want {
			t.Errorf("bucket %s is at %+v, want %+v", bucket, got, want)
		}
	}
	for _, c := range []struct {
		flag string
		env  []string
		want string
	}{
		{"", nil, ""}, {"http://flag", []string{"AWS_ENDPOINT_URL_S3=http://env"}, "http://flag"},
		{"", []string{"AWS_ENDPOINT_URL=http://env"}, "http://env"},
	} {
		if got := resolver(t, Config{S3Endpoint: c.flag, Getenv: env(c.env...)}).options("b").Endpoint; got != c.want {
			t.Errorf("flag %q and environment %q: endpoint %q, want %q", c.flag, c.env, got, c.want)
		}
	}
}

func TestBadConfigs(t *testing.T) {
	for text, want := range map[string]string{
		"endpoints: [{bucket: x}]":                               "bucket",
		"endpoints: [{url: http://x}]":                           "no pattern",
		"endpoints: [{buckets: '[', url: http://x}]":             "pattern",
		"endpoints: [{buckets: x, url: 'example.com'}]":          "http://host:port",
		"endpoints: [{buckets: x, anonymous: true, profile: p}]": "anonymous",
		"endpoints: [{buckets: x, buckets: y}]":                  "buckets",
		"endpoints: []\n---\nendpoints: []\n":                    "document",
		"endpoints: {":                                           "",
	} {
		if _, err := Parse([]byte(text)); !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want a word about %q", text, err, want)
		}
	}
	if _, err := New(Config{S3Endpoint: "localhost:9000"}); !errs.Is(err, errs.Invalid) {
		t.Errorf("an endpoint without scheme: %v", err)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("MRCTL_CONFIG", "")
	t.Setenv("XDG_CONFIG_HOME", dir)
	t.Setenv("HOME", dir)
	if cfg, err := Load(""); err != nil || len(cfg.Endpoints) != 0 {
		t.Errorf("no file: %+v, %v", cfg, err)
	}
	if _, err := Load(filepath.Join(dir, "missing.yaml")); !errs.Is(err, errs.Invalid) {
		t.Errorf("a file that was named and is not there: %v", err)
	}
	file := filepath.Join(dir, "mine.yaml")
	if err := os.WriteFile(file, []byte("endpoints:\n- {buckets: a}\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	t.Setenv("MRCTL_CONFIG", file)
	for _, name := range []string{"", file} {
		if cfg, err := Load(name); err != nil || len(cfg.Endpoints) != 1 || cfg.Endpoints[0].Buckets != "a" {
			t.Errorf("Load(%q) = %+v, %v", name, cfg, err)
		}
	}
	if err := os.WriteFile(file, []byte("endpoint: []\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(""); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("a file with a wrong field: %v", err)
	}
}

// What is written through Output is read through Source, on a folder and on a server found by the environment alone.
func TestThereAndBack(t *testing.T) {
	server := s3server.ForTest(t, s3server.VersityGW)
	t.Setenv("AWS_ENDPOINT_URL_S3", server.Endpoint)
	t.Setenv("AWS_ACCESS_KEY_ID", server.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", server.SecretKey)
	r := resolver(t, Config{})
	for _, uri := range []string{filepath.Join(t.TempDir(), "with blank", "out"), "s3://" + s3server.Bucket + "/with blank/ü/out/"} {
		out, err := r.Output(uri)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := out.PutIf(t.Context(), "part-0", []byte("body"), ""); err != nil {
			t.Fatal(err)
		}
		src, prefix, err := r.Source(strings.TrimSuffix(uri, "/") + "/")
		if err != nil {
			t.Fatal(err)
		}
		var found []storage.Info
		for info, err := range src.List(t.Context(), prefix, "") {
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, info)
		}
		if len(found) != 1 || found[0].Key != prefix+"part-0" || found[0].Size != 4 {
			t.Errorf("%s holds %+v", uri, found)
		}
		if !IsLocal(uri) {
			continue
		}
		entries, err := os.ReadDir(uri)
		if err != nil || len(entries) != 1 {
			t.Errorf("the folder holds %v, %v", entries, err)
		}
	}
}
