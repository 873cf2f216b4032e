package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage/locate"
	"github.com/mrctl/mrctl/storage/output"
)

// serverPatience is how long a process of the cluster waits out an outage of a store before it gives up what it is at. A
// person at a terminal wants to know sooner: clients have what the store's zero value says.
const serverPatience = time.Minute

// resolverOf says how buckets and folders are reached, by --config and --s3-endpoint, and for how long outages are waited
// out; 0: as is right for a person.
func resolverOf(c *cli.Context, patience time.Duration) (*locate.Resolver, error) {
	cfg, err := locate.Load(c.String(flagConfig))
	if err != nil {
		return nil, err
	}
	if given := c.String(flagEndpoint); given != "" {
		cfg.S3Endpoint = given
	}
	cfg.Patience = patience
	return locate.New(cfg)
}

// checkOutput refuses an output that is not empty, before anything is started. surely says that it has to be looked into:
// a client that only submits may lack the right to, where the workers have it.
func checkOutput(ctx context.Context, r *locate.Resolver, uri string, surely bool) error {
	if uri == "" {
		return nil
	}
	if info, err := os.Stat(uri); locate.IsLocal(uri) && (errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir()) {
		if err == nil {
			return errs.New(errs.Invalid, "output %s: it is a file; name a folder", uri)
		}
		return nil // it is made when there is something to put into it
	}
	store, err := r.Output(uri)
	if err == nil {
		err = output.Empty(ctx, store, uri)
	}
	if err != nil && !surely && !errs.Is(err, errs.Invalid) {
		return nil
	}
	return err
}
