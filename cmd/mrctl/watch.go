package main

import (
	"github.com/urfave/cli/v2"
)

func (p *program) watchCommand() *cli.Command {
	return &cli.Command{
		Name:      "watch",
		Usage:     "follow a job to its end",
		ArgsUsage: "JOB",
		Description: `Shows progress on stderr and ends when the job does, with the exit code of the job: 0 done, 1 failed.
With --json, stdout gets a line for each change, {"status": ...} or {"event": ...}, and last {"result": ...}.
Ctrl-C ends the watching; the job goes on.

  mrctl watch 0198c2 --store s3://cluster/mrctl`,
		Action: p.watch,
	}
}

func (p *program) watch(c *cli.Context) error {
	if err := needArgs(c, 1, 1); err != nil {
		return err
	}
	cl, id, err := p.openJob(c, c.Args().First())
	if err != nil {
		return err
	}
	defer cl.close()
	s, err := p.follow(c, cl, id)
	if err != nil {
		return err
	}
	return p.conclude(c, cl, s)
}
