// Package mtlstest makes authorities and certificates for tests.
package mtlstest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/mrctl/mrctl/internal/mtls"
)

// Authority signs certificates that lie in a folder of the test.
type Authority struct {
	t    testing.TB
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// New makes an authority whose certificate is good for an hour.
func New(t testing.TB) *Authority {
	t.Helper()
	a := &Authority{t: t, dir: t.TempDir()}
	template := &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	var der []byte
	der, a.key = a.sign("ca", template)
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	a.cert = cert
	return a
}

// Issue makes files for a process at this machine's loopback address and localhost. Change, if not nil, alters the
// certificate before it is signed.
func (a *Authority) Issue(name string, change func(*x509.Certificate)) mtls.Files {
	a.t.Helper()
	template := &x509.Certificate{
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if change != nil {
		change(template)
	}
	a.sign(name, template)
	return mtls.Files{Cert: a.path(name, "crt"), Key: a.path(name, "key"), CA: a.path("ca", "crt")}
}

// Load is Issue and mtls.Load.
func (a *Authority) Load(name string) *mtls.Credentials {
	a.t.Helper()
	c, err := mtls.Load(a.Issue(name, nil))
	if err != nil {
		a.t.Fatal(err)
	}
	return c
}

func (a *Authority) path(name, kind string) string { return filepath.Join(a.dir, name+"."+kind) }

// sign makes a key and a certificate, signed by the authority, or by itself while there is none.
func (a *Authority) sign(name string, template *x509.Certificate) ([]byte, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.Subject.CommonName = name
	if template.NotAfter.IsZero() {
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Minute), time.Now().Add(time.Hour)
	}
	parent, by := a.cert, a.key
	if parent == nil {
		parent, by = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, by)
	if err != nil {
		a.t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	a.write(a.path(name, "crt"), "CERTIFICATE", der)
	a.write(a.path(name, "key"), "PRIVATE KEY", secret)
	return der, key
}

func (a *Authority) write(path, kind string, der []byte) {
	a.t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
}
