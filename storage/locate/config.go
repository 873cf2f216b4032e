package locate

import (
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/mrctl/mrctl/internal/errs"
)

// Config says where buckets are. The zero value is AWS and its environment.
type Config struct {
	// Endpoints are asked in order; the first whose pattern matches a bucket has it.
	Endpoints []Endpoint `yaml:"endpoints"`

	// S3Endpoint (--s3-endpoint) has all buckets that no pattern matches, with credentials from the environment.
	S3Endpoint string `yaml:"-"`
	// NoSync is for the folders that Store gives: see local.Options.
	NoSync bool `yaml:"-"`
	// Patience is how long an outage of a server is waited out: see s3.Options.
	Patience time.Duration `yaml:"-"`
	// Getenv stands in for os.Getenv if set. Credentials are looked for in the real environment anyway.
	Getenv func(string) string `yaml:"-"`
}

// Endpoint is a server, or one way into it. Of the ways to name credentials at most one may be set; with none they are
// looked for where AWS's tools look.
type Endpoint struct {
	Buckets         string `yaml:"buckets"`          // pattern of bucket names, as in path.Match: logs-*
	URL             string `yaml:"url"`              // https://host[:port]; empty means AWS
	Region          string `yaml:"region"`           // empty means AWS_REGION, else the server's usual one
	VirtualHost     bool   `yaml:"virtual_host"`     // the bucket goes into the host name, as it always does on AWS
	Profile         string `yaml:"profile"`          // in the shared credentials and config files
	CredentialsFile string `yaml:"credentials_file"` // instead of the usual ones; goes with profile
	Anonymous       bool   `yaml:"anonymous"`        // unsigned requests, for public buckets
}

// Load reads a config file. Without a path it reads $MRCTL_CONFIG, or mrctl/config.yaml in the user's config folder,
// which need not be there. Unknown fields are errors.
func Load(file string) (Config, error) {
	given := file
	if file == "" {
		file = os.Getenv("MRCTL_CONFIG")
		given = file
	}
	if file == "" {
		dir, err := os.UserConfigDir()
		if err != nil {
			return Config{}, nil // no home, no config
		}
		file = filepath.Join(dir, "mrctl", "config.yaml")
	}
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) && given == "" {
		return Config{}, nil
	}
	if err != nil {
		return Config{}, errs.E(errs.Invalid, "config", "", err)
	}
	cfg, err := Parse(b)
	return cfg, errs.E(errs.Invalid, "config", file, err)
}

// Parse reads the text of a config file.
func Parse(b []byte) (Config, error) {
	var cfg Config
	if len(b) == 0 {
		return cfg, nil
	}
	if err := yaml.Load(b, &cfg, yaml.WithKnownFields(), yaml.WithUniqueKeys()); err != nil {
		return Config{}, errs.New(errs.Invalid, "%w", err)
	}
	return cfg, cfg.check()
}

func (c Config) check() error {
	if err := checkURL(c.S3Endpoint); err != nil {
		return errs.E(errs.Invalid, "S3 endpoint", c.S3Endpoint, err)
	}
	for i, e := range c.Endpoints {
		switch _, err := path.Match(e.Buckets, ""); {
		case e.Buckets == "":
			return errs.New(errs.Invalid, "endpoint %d has no pattern of buckets", i+1)
		case err != nil:
			return errs.New(errs.Invalid, "endpoint %d: pattern of buckets %q: %w", i+1, e.Buckets, err)
		case e.Anonymous && (e.Profile != "" || e.CredentialsFile != ""):
			return errs.New(errs.Invalid, "endpoint %d, for %s: anonymous and with credentials", i+1, e.Buckets)
		}
		if err := checkURL(e.URL); err != nil {
			return errs.New(errs.Invalid, "endpoint %d, for %s: url %q: %w", i+1, e.Buckets, e.URL, err)
		}
	}
	return nil
}

func checkURL(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return errors.New("want http://host:port or https://host")
	}
	return nil
}
