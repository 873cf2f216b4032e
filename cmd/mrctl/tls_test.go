package main

import (
	"context"
	"crypto/x509"
	"testing"

	"github.com/mrctl/mrctl/internal/mtls"
	"github.com/mrctl/mrctl/internal/mtls/mtlstest"
)

func tlsFlags(f mtls.Files) []string {
	return []string{"--tls-cert", f.Cert, "--tls-key", f.Key, "--tls-ca", f.CA}
}

// Files that cannot work are refused before anything is started.
func TestTLSFilesAreChecked(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	_, dir := testStore(t)
	a := mtlstest.New(t)
	good := a.Issue("good", nil)
	elsewhere := a.Issue("elsewhere", func(c *x509.Certificate) { c.IPAddresses = nil; c.DNSNames = []string{"node5"} })
	mixed := good
	mixed.Key = mtlstest.New(t).Issue("other", nil).Key
	serve := []string{"serve", "worker", "--store", dir, "--scratch", t.TempDir()}
	for _, c := range []struct {
		says string
		args []string
	}{
		{"go together", append(serve, "--tls-cert", good.Cert)},
		{"does not match", append(serve, tlsFlags(mixed)...)},
		{"does not match", append([]string{"jobs", "--store", dir}, tlsFlags(mixed)...)},
		{"127.0.0.1", append(serve, tlsFlags(elsewhere)...)},
		{"one or the other", append(append(serve, "--insecure"), tlsFlags(good)...)},
	} {
		wants(t, exitUsage, "", c.says, c.args...)
	}
}

// With certificates an address beyond this machine needs no --insecure, and the servers are given them.
func TestServeWithTLS(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	_, dir := testStore(t)
	f := mtlstest.New(t).Issue("node5", func(c *x509.Certificate) { c.DNSNames = append(c.DNSNames, "node5") })
	t.Setenv("MRCTL_TLS_CERT", f.Cert)
	t.Setenv("MRCTL_TLS_KEY", f.Key)
	t.Setenv("MRCTL_TLS_CA", f.CA)
	ctx, terminate := context.WithCancelCause(t.Context())
	var given coordinatorConfig
	s := servers{coordinator: func(c coordinatorConfig) (runner, error) {
		given = c
		return server(func(ctx context.Context) error {
			terminate(errInterrupted)
			<-ctx.Done()
			return ctx.Err()
		}), nil
	}}
	_, errOut, code := mrctlIn(ctx, t, s, "serve", "coordinator", "--store", dir, "--listen", "0.0.0.0:0", "--advertise", "node5:0")
	if code != 0 || given.TLS == nil {
		t.Errorf("exit %d, %+v\n%s", code, given, errOut)
	}
}
