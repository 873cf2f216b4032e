package main

import (
	"context"
	"time"

	"github.com/urfave/cli/v2"

	controlv1 "github.com/mrctl/mrctl/api/control/v1"
)

func (p *program) leaderCommand() *cli.Command {
	return &cli.Command{
		Name:  "leader",
		Usage: "say which coordinator leads",
		Description: `Asks the one the store names, so an answer means that it lives. Exits with 3 if nobody leads.

  mrctl leader --store s3://cluster/mrctl`,
		Action: p.leader,
	}
}

func (p *program) leader(c *cli.Context) error {
	if err := noArgs(c); err != nil {
		return err
	}
	cl, err := openCluster(c)
	if err != nil {
		return err
	}
	defer cl.close()
	l, err := cl.askLeader(c.Context)
	if err != nil {
		return err
	}
	v := leaderView{l.Holder, l.Addr, l.Epoch, moment(l.SinceUnixNanos), l.Version}
	if c.Bool(flagJSON) {
		return printJSON(p.stdout, v)
	}
	return printLeader(p.stdout, v, time.Now())
}

// askLeader has the leader speak for itself.
func (cl *cluster) askLeader(ctx context.Context) (*controlv1.LeaderResponse, error) {
	var answer *controlv1.LeaderResponse
	err := cl.ask(ctx, func(ctx context.Context, client controlv1.ControlServiceClient) (err error) {
		answer, err = client.Leader(ctx, &controlv1.LeaderRequest{})
		return err
	})
	return answer, err
}
