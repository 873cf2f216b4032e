package main

import (
	_ "embed"
	"io"

	"github.com/urfave/cli/v2"

	"github.com/mrctl/mrctl/internal/errs"
)

// completionFlag is what urfave/cli takes, at the end of a line, as the question how it could go on.
const completionFlag = "--generate-bash-completion"

//go:embed completion.bash
var bashCompletion string

//go:embed completion.zsh
var zshCompletion string

func (p *program) completionCommand() *cli.Command {
	return &cli.Command{
		Name:      "completion",
		Usage:     "print a script that completes mrctl's verbs and flags in a shell",
		ArgsUsage: "bash|zsh|fish",
		Description: `  source <(mrctl completion bash)
  mrctl completion zsh > "${fpath[1]}/_mrctl"
  mrctl completion fish > ~/.config/fish/completions/mrctl.fish`,
		BashComplete: func(*cli.Context) { _, _ = io.WriteString(p.stdout, "bash\nzsh\nfish\n") },
		Action: func(c *cli.Context) error {
			if err := needArgs(c, 1, 1); err != nil {
				return err
			}
			var script string
			switch shell := c.Args().First(); shell {
			case "bash":
				script = bashCompletion
			case "zsh":
				script = zshCompletion
			case "fish":
				var err error
				if script, err = c.App.ToFishCompletion(); err != nil {
					return err
				}
			default:
				return errs.New(errs.Invalid, "completion %q: there is a script for bash, zsh and fish", shell)
			}
			_, err := io.WriteString(p.stdout, script)
			return err
		},
	}
}
