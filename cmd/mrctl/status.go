package main

import (
	"time"

	"github.com/urfave/cli/v2"
)

func (p *program) statusCommand() *cli.Command {
	return &cli.Command{
		Name:      "status",
		Usage:     "say how a job stands",
		ArgsUsage: "JOB",
		Description: `JOB is the id of a job, or the start of one. With --json, all that is known of it.

  mrctl status 0198c2
  mrctl status 0198c2 --store s3://cluster/mrctl --json`,
		Action: p.status,
	}
}

func (p *program) status(c *cli.Context) error {
	if err := needArgs(c, 1, 1); err != nil {
		return err
	}
	cl, id, err := p.openJob(c, c.Args().First())
	if err != nil {
		return err
	}
	defer cl.close()
	s, err := cl.status(c.Context, id)
	if err != nil {
		return err
	}
	if c.Bool(flagJSON) {
		return printJSON(p.stdout, viewJob(s))
	}
	return printStatus(p.stdout, s, time.Now())
}
