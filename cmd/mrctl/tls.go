package main

import (
	"net"

	"github.com/urfave/cli/v2"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/mtls"
)

// credentialsOf reads the files of --tls-cert, --tls-key and --tls-ca; without them connections are in plain text, and nil
// says so.
func credentialsOf(c *cli.Context) (*mtls.Credentials, error) {
	got, err := mtls.Load(mtls.Files{Cert: c.String(flagTLSCert), Key: c.String(flagTLSKey), CA: c.String(flagTLSCA)})
	return got, next(err, "give --%s, --%s and --%s, or none of them: a certificate, its key, and who signed it", flagTLSCert, flagTLSKey, flagTLSCA)
}

// servesAs refuses a certificate that is not for the address others are told, as they would refuse it.
func servesAs(own *mtls.Credentials, advertise string) error {
	host, _, err := net.SplitHostPort(advertise)
	if err != nil {
		return errs.E(errs.Invalid, "--advertise", "", err)
	}
	return next(own.ServesAs(host), "put %s among its names, or --advertise one that it has", host)
}
