package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/mrctl/mrctl/integration/bench/answer"
	"github.com/mrctl/mrctl/integration/bench/harness"
	"github.com/mrctl/mrctl/integration/bench/measure"
	"github.com/mrctl/mrctl/integration/cluster"
)

// startCluster submits a job of one line to a coordinator and a worker that have nothing else to do, and waits for it.
// They keep their state in a folder and know the plugin from the first time on, which does not count.
func startCluster(ctx context.Context, k *kit) (c harness.Case, done func() error, err error) {
	input := filepath.Join(k.scratch, "line.txt")
	if err := writeFile(input, "one line\n"); err != nil {
		return c, nil, err
	}
	binary, err := k.program(ctx, mrctlPkg)
	if err != nil {
		return c, nil, err
	}
	plugin, err := k.program(ctx, "examples/wordcount")
	if err != nil {
		return c, nil, err
	}
	dir, store := filepath.Join(k.scratch, "cluster"), filepath.Join(k.scratch, "store")
	if err := errors.Join(os.Mkdir(dir, 0o755), os.Mkdir(store, 0o755)); err != nil {
		return c, nil, err
	}
	within, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	servers, err := cluster.Start(within, cluster.Options{Binary: binary, Dir: dir, Store: store, Env: k.env(), Coordinators: 1, Workers: 1,
		Slots: k.slots, Memory: k.memory})
	if err != nil {
		return c, nil, err
	}
	submit := func(out string) measure.Command {
		return measure.Command{
			Argv: []string{binary, "submit", "--quiet", "--store", store, "-o", out, plugin, input}, Env: k.env(),
			Servers: []int{servers.Coordinators[0].Pid(), servers.Workers[0].Pid()},
		}
	}
	return harness.Case{
		Sides: []harness.Side{{Name: "mrctl submit", Command: submit, Answer: answer.Lines}}, Limit: 500 * time.Millisecond,
	}, servers.Stop, nil
}
