// Package mtls makes gRPC credentials of certificate files: TLS 1.3 in which both ends show a certificate of one authority
// and refuse all others. Who holds such a certificate belongs to the cluster.
package mtls

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/mrctl/mrctl/internal/errs"
)

// Files names PEM files. The zero value means no TLS; otherwise all are needed.
type Files struct {
	Cert string // the process's own certificate, with intermediate ones after it
	Key  string // the private key that belongs to it
	CA   string // certificates of the authority, whose word is taken for the other end
}

// Credentials are what one process shows, and asks of others, at either end of a connection. A nil *Credentials is plain
// text. They are read once: a process is started again to take new files.
type Credentials struct {
	leaf           *x509.Certificate
	server, client credentials.TransportCredentials
}

// Load reads the files and refuses those that no peer with files of the same authority would take, as of now. It gives nil
// where none is named. Errors are Invalid and name the file.
func Load(f Files) (*Credentials, error) {
	if f == (Files{}) {
		return nil, nil
	}
	if f.Cert == "" || f.Key == "" || f.CA == "" {
		return nil, errs.New(errs.Invalid, "tls: a certificate, its key and the certificate of the authority go together")
	}
	own, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		return nil, errs.E(errs.Invalid, "tls", f.Cert+" with "+f.Key, err)
	}
	pem, err := os.ReadFile(f.CA)
	if err != nil {
		return nil, errs.E(errs.Invalid, "tls", "", err)
	}
	authority := x509.NewCertPool()
	if !authority.AppendCertsFromPEM(pem) {
		return nil, errs.New(errs.Invalid, "tls %s: it holds no certificate", f.CA)
	}
	if err := verify(own, authority); err != nil {
		return nil, errs.E(errs.Invalid, "tls", f.Cert+" by "+f.CA, err)
	}
	base := tls.Config{
		Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS13,
		DynamicRecordSizingDisabled: true, // small records are for browsers that wait for a first line
	}
	server, client := base.Clone(), &base
	server.ClientAuth, server.ClientCAs = tls.RequireAndVerifyClientCert, authority
	client.RootCAs = authority
	return &Credentials{leaf: own.Leaf, server: credentials.NewTLS(server), client: credentials.NewTLS(client)}, nil
}

// verify checks a certificate as both kinds of peers will.
func verify(own tls.Certificate, authority *x509.CertPool) error {
	between := x509.NewCertPool()
	for _, der := range own.Certificate[1:] {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return err
		}
		between.AddCert(c)
	}
	for _, use := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
		o := x509.VerifyOptions{Roots: authority, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{use}}
		if _, err := own.Leaf.Verify(o); err != nil {
			return err
		}
	}
	return nil
}

// Server is for listeners.
func (c *Credentials) Server() credentials.TransportCredentials {
	if c == nil {
		return insecure.NewCredentials()
	}
	return c.server
}

// Client is for whoever dials.
func (c *Credentials) Client() credentials.TransportCredentials {
	if c == nil {
		return insecure.NewCredentials()
	}
	return c.client
}

// ServesAs checks that peers who dial a host, by name or address, will find it in the certificate. Plain text serves as
// any. The error is Invalid.
func (c *Credentials) ServesAs(host string) error {
	if c == nil {
		return nil
	}
	err := c.leaf.VerifyHostname(host)
	if wrong := (x509.HostnameError{}); errors.As(err, &wrong) && len(c.leaf.DNSNames)+len(c.leaf.IPAddresses) == 0 {
		return errs.New(errs.Invalid, "tls: the certificate names no host, so nobody could reach this process at %s", host)
	}
	if err != nil {
		return errs.E(errs.Invalid, "tls", "", err)
	}
	return nil
}
