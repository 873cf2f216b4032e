package netcopy

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"math/big"
	"net"
	"path/filepath"
	"time"
)

// Kinds of streams.
const (
	TCP  = "tcp"
	TLS  = "tls" // 1.3 over TCP, AES-128-GCM as Go negotiates it
	Unix = "unix"
)

// Listen opens a socket for one kind of stream; a Unix socket lies in dir. address and secret are what Dial needs.
func Listen(ctx context.Context, kind, dir string) (l net.Listener, address, secret string, err error) {
	var config net.ListenConfig
	switch kind {
	case Unix:
		l, err = config.Listen(ctx, "unix", filepath.Join(dir, "copy"))
	case TCP, TLS:
		l, err = config.Listen(ctx, "tcp", "127.0.0.1:0")
	default:
		err = fmt.Errorf("no such kind of stream: %q", kind)
	}
	if err != nil {
		return nil, "", "", err
	}
	address = l.Addr().String()
	if kind == TLS {
		server, known, err := ServerTLS()
		if err != nil {
			return nil, "", "", err
		}
		l, secret = tls.NewListener(l, server), known
	}
	return l, address, secret, nil
}

// Dial connects to what Listen opened.
func Dial(ctx context.Context, kind, address, secret string) (net.Conn, error) {
	var d net.Dialer
	switch kind {
	case Unix:
		return d.DialContext(ctx, "unix", address)
	case TCP:
		return d.DialContext(ctx, "tcp", address)
	case TLS:
		client, err := ClientTLS(secret)
		if err != nil {
			return nil, err
		}
		t := tls.Dialer{NetDialer: &d, Config: client}
		return t.DialContext(ctx, "tcp", address)
	}
	return nil, fmt.Errorf("no such kind of stream: %q", kind)
}

// ServerTLS is TLS 1.3 with a certificate made for the occasion; secret is what ClientTLS knows it by.
func ServerTLS() (config *tls.Config, secret string, err error) {
	cert, err := selfSigned()
	if err != nil {
		return nil, "", err
	}
	config = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS13}
	return config, hex.EncodeToString(cert.Certificate[0]), nil
}

// ClientTLS trusts the one certificate.
func ClientTLS(secret string) (*tls.Config, error) {
	der, err := hex.DecodeString(secret)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}, nil
}

// selfSigned makes a certificate for this machine alone, good for an hour.
func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Minute), NotAfter: now.Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}
