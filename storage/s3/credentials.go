package s3

import (
	"net/http"
	"os"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"
)

// Credentials name what requests are signed with. The zero value looks where AWS's tools do, in this order: the
// environment, the profile (AWS_PROFILE or default) of the credentials and config files, a web identity or container
// role, the role of the instance. Where nothing is found requests go unsigned, which public buckets allow.
type Credentials struct {
	AccessKey, SecretKey, SessionToken string // fixed keys, before all else

	Profile   string // this profile alone
	File      string // of this file alone; empty means the usual ones
	Anonymous bool   // unsigned, whatever there is
}

func (c Credentials) chain() *credentials.Credentials {
	switch {
	case c.Anonymous:
		return credentials.NewStatic("", "", "", credentials.SignatureAnonymous)
	case c.AccessKey != "":
		return credentials.NewStaticV4(c.AccessKey, c.SecretKey, c.SessionToken)
	case c.Profile != "" || c.File != "":
		return credentials.NewFileAWSCredentials(c.File, c.Profile)
	}
	providers := []credentials.Provider{&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}}
	if os.Getenv("AWS_EC2_METADATA_DISABLED") != "true" {
		// Off the cloud nobody answers at the metadata address: give up soon.
		providers = append(providers, &credentials.IAM{Client: &http.Client{Timeout: 4 * time.Second}})
	}
	return credentials.NewChainCredentials(providers)
}
