package main

import (
	"fmt"
	"runtime"

	"github.com/urfave/cli/v2"
)

func (p *program) versionCommand() *cli.Command {
	return &cli.Command{
		Name:        "version",
		Usage:       "say which mrctl this is",
		Description: "  mrctl version --json",
		Action:      p.printVersion,
	}
}

func (p *program) printVersion(c *cli.Context) error {
	if c.Bool(flagJSON) {
		return printJSON(p.stdout, map[string]string{"version": versionText(), "go": runtime.Version(), "platform": here})
	}
	_, err := fmt.Fprintf(p.stdout, "mrctl %s (%s, %s)\n", versionText(), runtime.Version(), here)
	return err
}
