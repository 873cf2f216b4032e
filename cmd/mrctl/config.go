package main

import (
	"context"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/mrctl/mrctl/storage/locate"
)

// resolverOf says how buckets and folders are reached, by --config and --s3-endpoint.
func resolverOf(c *cli.Context) (*locate.Resolver, error) {
	base, err := home()
	if err != nil {
		return nil, err
	}
	return locate.New(locate.Config{S3Endpoint: c.String(flagEndpoint), LockDir: filepath.Join(base, "locks")})
}

func checkOutput(ctx context.Context, r *locate.Resolver, uri string) error { return nil }
