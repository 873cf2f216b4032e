package main

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	controlv1 "github.com/mrctl/mrctl/api/control/v1"
)

func (p *program) cancelCommand() *cli.Command {
	return &cli.Command{
		Name:      "cancel",
		Usage:     "stop a job and discard what it has written so far",
		ArgsUsage: "JOB...",
		Description: `Cancelling twice is cancelling once. A job that is publishing its result, or has ended, is left as it is; the
line that is printed says so.

  mrctl cancel 0198c2 --store s3://cluster/mrctl --reason "wrong input"`,
		Flags:  []cli.Flag{&cli.StringFlag{Name: "reason", Usage: "`TEXT` kept with the job"}},
		Action: p.cancel,
	}
}

func (p *program) cancel(c *cli.Context) error {
	if err := needArgs(c, 1, -1); err != nil {
		return err
	}
	for _, prefix := range c.Args().Slice() {
		cl, id, err := p.openJob(c, prefix)
		if err != nil {
			return err
		}
		s, err := cl.cancel(c.Context, id, c.String("reason"))
		cl.close()
		if err != nil {
			return err
		}
		if c.Bool(flagJSON) {
			err = printJSON(p.stdout, viewJob(s))
		} else {
			_, err = fmt.Fprintf(p.stdout, "%s\t%s\n", s.Id, phaseName(s.Phase))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// cancel asks the leader to cancel a job; nil means that the decision is durable, whichever it was.
func (cl *cluster) cancel(ctx context.Context, id, reason string) (*controlv1.JobStatus, error) {
	var answer *controlv1.CancelResponse
	err := cl.ask(ctx, func(ctx context.Context, client controlv1.ControlServiceClient) (err error) {
		answer, err = client.Cancel(ctx, &controlv1.CancelRequest{Job: id, Reason: reason})
		return err
	})
	return answer.GetStatus(), err
}
