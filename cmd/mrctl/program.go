// Command mrctl runs map-reduce jobs: alone on this machine, or on a cluster of its own `serve` processes around an
// object store.
//
// A call takes this way: arrange puts the arguments in order, urfave/cli parses them, the verb (a file each) turns
// flags into a config and calls the packages below, and report and exitCode say how it ended.
package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/mrctl/mrctl/internal/errs"
)

// version is set by the linker; without that, what the Go toolchain knows.
var version string

// program is one call of mrctl: what it reads from and writes to, and what it was given.
type program struct {
	stdin   io.Reader
	stdout  io.Writer // results alone
	stderr  io.Writer // everything else
	asks    bool      // stdin is a terminal, so questions can be asked
	draws   bool      // stderr is a terminal, so progress can be drawn
	servers servers
	plugin  []string // what followed "--" on the command line
}

// call runs one command line to its end and gives its exit code.
func call(args []string, stdin, stdout, stderr *os.File, s servers) int {
	p := &program{
		stdin: stdin, stdout: quietPipe{stdout}, stderr: stderr, servers: s,
		asks:  term.IsTerminal(int(stdin.Fd())),
		draws: term.IsTerminal(int(stderr.Fd())),
	}
	ctx, stop := interruptible(context.Background())
	defer stop()
	err := p.run(ctx, args)
	report(p.stderr, err)
	return exitCode(err)
}

// run is call without the process around it.
func (p *program) run(ctx context.Context, args []string) error {
	app := p.app()
	ordered, plugin, err := arrange(app, args)
	if err != nil {
		return err
	}
	p.plugin = plugin
	return causeOf(ctx, app.RunContext(ctx, ordered))
}

// causeOf puts the cause of a context's end in place of the news that it has ended.
func causeOf(ctx context.Context, err error) error {
	if errors.Is(err, context.Canceled) && context.Cause(ctx) != nil {
		return context.Cause(ctx)
	}
	return err
}

// interruptible gives a context that ends with errInterrupted at the first SIGINT, with errTerminated at the first SIGTERM.
// The second of either ends the process at once: whatever should have been tidied up hangs, or is not worth the wait.
func interruptible(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	// With a handler, writing to a closed pipe is an error like others; ignoring the signal would do as much, but
	// plugins would inherit it.
	pipe := make(chan os.Signal, 1)
	signal.Notify(pipe, syscall.SIGPIPE)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for first := true; ; first = false {
			s, more := <-signals
			switch {
			case !more:
				return
			case !first:
				os.Exit(exitInterrupted)
			case s == syscall.SIGTERM:
				cancel(errTerminated)
			default:
				cancel(errInterrupted)
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		signal.Stop(pipe)
		close(signals)
		<-ended
		cancel(nil)
	}
}

// Names of the flags that hold for every verb.
const (
	flagStore    = "store"
	flagConfig   = "config"
	flagEndpoint = "s3-endpoint"
	flagTLSCert  = "tls-cert"
	flagTLSKey   = "tls-key"
	flagTLSCA    = "tls-ca"
	flagJSON     = "json"
	flagLogLevel = "log-level"
	flagQuiet    = "quiet"
)

func (p *program) app() *cli.App {
	app := &cli.App{
		Name:  "mrctl",
		Usage: "map-reduce over object storage",
		UsageText: `mrctl run PLUGIN INPUT... [-o DIR|URI|-] [-- plugin flags]
mrctl submit PLUGIN INPUT... -o URI --store URI [--detach] [-- plugin flags]
mrctl VERB [flags]`,
		Description: `PLUGIN is a folder with a Go program made with the jobs package, a binary built from one, or
sha256:... of a binary that is in the store. Flags may stand anywhere before "--"; what follows it
goes to the plugin.

Exit codes: 0 done, 1 the job failed, 2 wrong usage or job, 3 cluster or store unreachable,
4 a gate set by the user was not met, 130 interrupted.

  mrctl run ./examples/wordcount -o - README.md
  mrctl serve all --store /srv/mrctl
  mrctl submit ./examples/wordcount s3://logs/2026/** -o s3://results/words --store s3://cluster/mrctl`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: flagStore, EnvVars: []string{"MRCTL_STORE"}, Usage: "where the cluster keeps its records: a folder or s3://bucket/prefix", DefaultText: "a folder of its own for each run"},
			&cli.StringFlag{Name: flagConfig, EnvVars: []string{"MRCTL_CONFIG"}, Usage: "`FILE` that says which bucket is reached how", DefaultText: "mrctl/config.yaml in the user's config folder, if it is there"},
			&cli.StringFlag{Name: flagEndpoint, EnvVars: []string{"MRCTL_S3_ENDPOINT"}, Usage: "`URL` of the S3 server for buckets the config does not name"},
			&cli.StringFlag{Name: flagTLSCert, EnvVars: []string{"MRCTL_TLS_CERT"}, Usage: "`FILE` with this process's certificate, for a cluster that uses TLS"},
			&cli.StringFlag{Name: flagTLSKey, EnvVars: []string{"MRCTL_TLS_KEY"}, Usage: "`FILE` with its private key"},
			&cli.StringFlag{Name: flagTLSCA, EnvVars: []string{"MRCTL_TLS_CA"}, Usage: "`FILE` with the certificate that all certificates of the cluster are signed by"},
			&cli.BoolFlag{Name: flagJSON, Usage: "write for machines: JSON on stdout"},
			&cli.StringFlag{Name: flagLogLevel, EnvVars: []string{"MRCTL_LOG_LEVEL"}, Usage: "debug, info, warn or error", DefaultText: "warn; info when serving"},
			&cli.BoolFlag{Name: flagQuiet, Aliases: []string{"q"}, Usage: "no progress on stderr"},
			&cli.BoolFlag{Name: "version", Hidden: true},
		},
		Writer:                    p.stdout,
		ErrWriter:                 p.stderr,
		HideVersion:               true,
		EnableBashCompletion:      true,
		DisableSliceFlagSeparator: true,
		ExitErrHandler:            func(*cli.Context, error) {}, // call reports and exits
		OnUsageError:              usageError,
		Commands: []*cli.Command{
			p.runCommand(), p.submitCommand(), p.planCommand(), p.initCommand(), p.schemaCommand(), p.catCommand(), p.repackCommand(), p.pluginCommand(),
			p.jobsCommand(), p.statusCommand(), p.watchCommand(), p.logsCommand(), p.diagnoseCommand(), p.replayCommand(), p.rerunCommand(), p.cancelCommand(),
			p.serveCommand(), p.workersCommand(), p.leaderCommand(),
			p.gcCommand(), p.doctorCommand(), p.chaosCommand(), p.versionCommand(), p.completionCommand(),
		},
		Action: func(c *cli.Context) error {
			if c.Bool("version") {
				return p.printVersion(c)
			}
			if err := cli.ShowAppHelp(c); err != nil {
				return err
			}
			return exitWith(exitUsage, errs.New(errs.Invalid, "no verb was given"))
		},
	}
	for _, c := range app.Commands {
		tune(c)
	}
	return app
}

// tune sets what is the same for all commands.
func tune(c *cli.Command) {
	c.OnUsageError = usageError
	c.HideHelpCommand = true
	if len(c.Subcommands) > 0 && c.Action == nil {
		c.Action = func(*cli.Context) error {
			return next(errs.New(errs.Invalid, "%s: say which", c.Name), "mrctl %s %s", c.Name, c.ArgsUsage)
		}
	}
	for _, s := range c.Subcommands {
		tune(s)
	}
}

// usageError gives what urfave/cli has to say about flags (a number that is none) the kind that exits with 2.
func usageError(_ *cli.Context, err error, _ bool) error {
	return errs.E(errs.Invalid, "usage", "", err)
}

// versionText names this build.
func versionText() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "devel"
}
