package main

import (
	"context"
	"time"

	"github.com/urfave/cli/v2"

	controlv1 "github.com/mrctl/mrctl/api/control/v1"
)

func (p *program) workersCommand() *cli.Command {
	return &cli.Command{
		Name:  "workers",
		Usage: "list the workers of a cluster",
		Description: `  mrctl workers --store s3://cluster/mrctl
  mrctl workers --store s3://cluster/mrctl --json | jq -s 'map(.slots) | add'`,
		Action: p.workers,
	}
}

func (p *program) workers(c *cli.Context) error {
	if err := noArgs(c); err != nil {
		return err
	}
	cl, err := openCluster(c)
	if err != nil {
		return err
	}
	defer cl.close()
	list, err := cl.workers(c.Context)
	if err != nil {
		return err
	}
	if !c.Bool(flagJSON) {
		return printWorkers(p.stdout, list, time.Now())
	}
	for _, w := range list {
		if err := printJSON(p.stdout, viewWorker(w)); err != nil {
			return err
		}
	}
	return nil
}

func (cl *cluster) workers(ctx context.Context) ([]*controlv1.Worker, error) {
	var answer *controlv1.WorkersResponse
	err := cl.ask(ctx, func(ctx context.Context, client controlv1.ControlServiceClient) (err error) {
		answer, err = client.Workers(ctx, &controlv1.WorkersRequest{})
		return err
	})
	return answer.GetWorkers(), err
}
