package mtls_test

import (
	"context"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/mtls"
	"github.com/mrctl/mrctl/internal/mtls/mtlstest"
)

func TestWhoMayTalkToWhom(t *testing.T) {
	ours, others := mtlstest.New(t), mtlstest.New(t)
	nobody := (*mtls.Credentials)(nil)
	for name, c := range map[string]struct {
		server, client *mtls.Credentials
		want           codes.Code
	}{
		"one authority":        {ours.Load("server"), ours.Load("client"), codes.OK},
		"plain":                {nobody, nobody, codes.OK},
		"client of another":    {ours.Load("server"), others.Load("client"), codes.Unavailable},
		"server of another":    {others.Load("server"), ours.Load("client"), codes.Unavailable},
		"plain client":         {ours.Load("server"), nobody, codes.Unavailable},
		"plain server":         {nobody, ours.Load("client"), codes.Unavailable},
		"client with no proof": {ours.Load("server"), stranger(t, ours), codes.Unavailable},
	} {
		if err := call(t, c.server, c.client); status.Code(err) != c.want {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// stranger trusts our authority, but has a certificate of its own making.
func stranger(t *testing.T, ours *mtlstest.Authority) *mtls.Credentials {
	t.Helper()
	f := mtlstest.New(t).Issue("stranger", nil)
	both := filepath.Join(t.TempDir(), "both.crt")
	a, err := os.ReadFile(ours.Issue("x", nil).CA)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(f.CA)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(both, append(a, b...), 0o600); err != nil {
		t.Fatal(err)
	}
	f.CA = both
	c, err := mtls.Load(f)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func call(t *testing.T, server, client *mtls.Credentials) error {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer(grpc.Creds(server.Server()))
	healthv1.RegisterHealthServer(s, health.NewServer())
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(client.Client()))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, err = healthv1.NewHealthClient(conn).Check(ctx, &healthv1.HealthCheckRequest{})
	_ = conn.Close()
	s.Stop()
	<-served
	return err
}

func TestFilesAreChecked(t *testing.T) {
	a := mtlstest.New(t)
	good := a.Issue("good", nil)
	old := a.Issue("old", func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
	})
	serverOnly := a.Issue("server-only", func(c *x509.Certificate) { c.ExtKeyUsage = c.ExtKeyUsage[:1] })
	other := mtlstest.New(t).Issue("other", nil)
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		f    mtls.Files
		want string
	}{
		"no key":           {mtls.Files{Cert: good.Cert, CA: good.CA}, "go together"},
		"only a CA":        {mtls.Files{CA: good.CA}, "go together"},
		"a missing file":   {mtls.Files{Cert: "/none.crt", Key: good.Key, CA: good.CA}, "/none.crt"},
		"a missing CA":     {mtls.Files{Cert: good.Cert, Key: good.Key, CA: "/none.crt"}, "/none.crt"},
		"another's key":    {mtls.Files{Cert: good.Cert, Key: other.Key, CA: good.CA}, "does not match"},
		"another's CA":     {mtls.Files{Cert: good.Cert, Key: good.Key, CA: other.CA}, "unknown authority"},
		"a CA that is not": {mtls.Files{Cert: good.Cert, Key: good.Key, CA: empty}, "holds no certificate"},
		"a key as CA":      {mtls.Files{Cert: good.Cert, Key: good.Key, CA: good.Key}, "holds no certificate"},
		"out of date":      {old, "expired"},
		"half a purpose":   {serverOnly, "incompatible key usage"},
	} {
		got, err := mtls.Load(c.f)
		if got != nil || !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if got, err := mtls.Load(mtls.Files{}); got != nil || err != nil {
		t.Errorf("no files: %v, %v", got, err)
	}
}

func TestServesAs(t *testing.T) {
	a := mtlstest.New(t)
	c := a.Load("good")
	for _, host := range []string{"127.0.0.1", "localhost"} {
		if err := c.ServesAs(host); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
	if err := c.ServesAs("10.0.0.5"); !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), "10.0.0.5") {
		t.Errorf("an address that is not in it: %v", err)
	}
	nameless, err := mtls.Load(a.Issue("nameless", func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, nil }))
	if err != nil {
		t.Fatal(err)
	}
	if err := nameless.ServesAs("localhost"); !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), "no host") {
		t.Errorf("no names at all: %v", err)
	}
	if err := (*mtls.Credentials)(nil).ServesAs("anything"); err != nil {
		t.Errorf("plain text: %v", err)
	}
}
