package main

import (
	"github.com/urfave/cli/v2"

	"github.com/mrctl/mrctl/jobs/spec"
)

// sidesOf reads --side.
func sidesOf(c *cli.Context) (map[string]string, error) {
	sides, err := spec.ParseSides(c.StringSlice("side"))
	if err != nil {
		return nil, next(err, "mrctl %s --help explains --side", c.Command.Name)
	}
	for name, uri := range sides {
		if sides[name], err = absolute(uri); err != nil {
			return nil, err
		}
	}
	return sides, nil
}
