package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	controlv1 "github.com/mrctl/mrctl/api/control/v1"
	"github.com/mrctl/mrctl/internal/ledger"
)

func (p *program) jobsCommand() *cli.Command {
	return &cli.Command{
		Name:  "jobs",
		Usage: "list jobs, the newest first",
		Description: `Lists the jobs of a cluster or, without --store, what "mrctl run" did on this machine.

  mrctl jobs
  mrctl jobs --live --store s3://cluster/mrctl
  mrctl jobs --json | jq -r 'select(.phase == "failed") | .id'`,
		Flags: []cli.Flag{
			&cli.UintFlag{Name: "limit", Value: 100, Usage: "at most `N` jobs"},
			&cli.BoolFlag{Name: "live", Usage: "only those that have not ended"},
		},
		Action: p.jobs,
	}
}

func (p *program) jobs(c *cli.Context) error {
	if err := noArgs(c); err != nil {
		return err
	}
	list, err := p.listJobs(c)
	if err != nil {
		return err
	}
	if !c.Bool(flagJSON) {
		return printJobs(p.stdout, list, time.Now())
	}
	for _, s := range list {
		if err := printJSON(p.stdout, viewJob(s)); err != nil {
			return err
		}
	}
	return nil
}

func (p *program) listJobs(c *cli.Context) ([]*controlv1.JobStatus, error) {
	limit, live := c.Uint("limit"), c.Bool("live")
	if c.String(flagStore) == "" {
		return p.listRuns(c, int(limit), live)
	}
	cl, err := openCluster(c)
	if err != nil {
		return nil, err
	}
	defer cl.close()
	var answer *controlv1.ListResponse
	err = cl.askFor(c.Context, 2, func(ctx context.Context, client controlv1.ControlServiceClient) (err error) {
		answer, err = client.List(ctx, &controlv1.ListRequest{Limit: uint32(limit), LiveOnly: live})
		return err
	})
	if err == nil {
		return answer.Jobs, nil
	}
	if !passing(err) {
		return nil, err
	}
	fmt.Fprintf(p.stderr, "%v; this is what the store says\n", err)
	var ids []string
	for id, err := range ledger.JobIDs(c.Context, cl.store, "") {
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	slices.Reverse(ids)
	var list []*controlv1.JobStatus
	for _, id := range ids {
		if len(list) == int(limit) {
			break
		}
		job, err := ledger.ReadJob(c.Context, cl.store, id)
		if err != nil {
			return nil, err
		}
		if !live || !job.Phase.Ended() {
			list = append(list, statusOf(job))
		}
	}
	return list, nil
}
