package main

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/tempdir"
)

// schedulingFlags are of whoever hands out tasks.
func schedulingFlags() []cli.Flag {
	return []cli.Flag{
		&cli.DurationFlag{Name: "stall", Usage: "an attempt that makes no progress for `TIME` has failed", DefaultText: "10m"},
		&cli.Float64Flag{Name: "slow-start", Usage: "reduces may fetch in idle slots once this `SHARE` of the maps is done; 1: once all are", DefaultText: "0.5"},
	}
}

// slowStart reads --slow-start; 0 is the default.
func slowStart(c *cli.Context) (float64, error) {
	share := c.Float64("slow-start")
	if c.IsSet("slow-start") && !(share > 0 && share <= 1) {
		return 0, errs.New(errs.Invalid, "--slow-start %v: it is a share of the maps, above 0 and up to 1", share)
	}
	return share, nil
}

func (p *program) serveCommand() *cli.Command {
	address := []cli.Flag{
		&cli.StringFlag{Name: "listen", Value: "127.0.0.1:0", Usage: "`HOST:PORT`; port 0 is any free one"},
		&cli.StringFlag{Name: "advertise", Usage: "`HOST:PORT` at which other machines reach it", DefaultText: "where it listens"},
		&cli.BoolFlag{Name: "insecure", Usage: "listen beyond this machine without TLS: in plain text and for anybody"},
	}
	noBackup := &cli.BoolFlag{Name: "no-backup", Usage: "never start a slow task a second time elsewhere, whatever a job says"}
	election := &cli.DurationFlag{Name: "lease-ttl", Usage: "another coordinator takes over when the leader has been silent for `TIME`", DefaultText: "15s"}
	work := []cli.Flag{
		&cli.StringFlag{Name: "scratch", Usage: "`DIR` for what a worker writes while it works", DefaultText: "a new one in the cache folder"},
		&cli.IntFlag{Name: "slots", Usage: "`N` tasks at a time", DefaultText: "the number of cores"},
		&cli.StringFlag{Name: "memory", Usage: "hold at most `BYTES`, such as 256MiB, 1GiB or 25%", DefaultText: defaultMemory + " of this machine's"},
		&cli.StringFlag{Name: "run-codec", Usage: "compress what goes to other workers: auto, none, lz4 or zstd", DefaultText: "auto: none on 127.0.0.1, else lz4"},
		&cli.DurationFlag{Name: "drain-timeout", Usage: "after SIGTERM, tasks have `TIME` to finish before they are handed back, and what is left here as long again to be handed over", DefaultText: "30s"},
		&cli.StringSliceFlag{Name: "label", Usage: "`NAME=VALUE` shown with the worker; may be given again"},
	}
	return &cli.Command{
		Name:      "serve",
		Usage:     "be part of a cluster",
		ArgsUsage: "coordinator|worker|all",
		Description: `A cluster is any number of coordinators, of which one leads, and any number of workers. They find each other through
the store. SIGTERM ends a process in order: a worker drains first, which is to finish what it runs, or hand it back, and to
hand over what others still need of it; a second SIGTERM ends it at once. SIGINT ends a worker without that: what it was
doing is done again elsewhere. Nothing finished is lost with a coordinator.`,
		Subcommands: []*cli.Command{
			{
				Name: "coordinator", Usage: "lead, or stand by to lead", Flags: append(append(address[:3:3], election, noBackup), schedulingFlags()...),
				Description: "  mrctl serve coordinator --store s3://cluster/mrctl --listen 10.0.0.5:7070 --tls-cert FILE --tls-key FILE --tls-ca FILE",
				Action:      func(c *cli.Context) error { return p.serve(c, true, false) },
			},
			{
				Name: "worker", Usage: "carry out tasks", Flags: append(address[:3:3], work...),
				Description: "  mrctl serve worker --store s3://cluster/mrctl --slots 8 --memory 8GiB --label zone=a",
				Action:      func(c *cli.Context) error { return p.serve(c, false, true) },
			},
			{
				Name: "all", Usage: "both in one process", Flags: append(append(append(address[:3:3], election, noBackup), schedulingFlags()...), work...),
				Description: "  mrctl serve all --store /srv/mrctl",
				Action:      func(c *cli.Context) error { return p.serve(c, true, true) },
			},
		},
	}
}

func (p *program) serve(c *cli.Context, coordinator, worker bool) (err error) {
	if err := noArgs(c); err != nil {
		return err
	}
	memory, slots, err := capacity(c)
	if err != nil {
		return err
	}
	labels, err := parseLabels(c.StringSlice("label"))
	if err != nil {
		return err
	}
	tls := c.String(flagTLSCert) != ""
	if tls && c.Bool("insecure") {
		return errs.New(errs.Invalid, "--insecure and --%s: it is one or the other", flagTLSCert)
	}
	if err := checkListen(c.String("listen"), c.Bool("insecure") || tls); err != nil {
		return err
	}
	if c.IsSet("drain-timeout") && c.Duration("drain-timeout") <= 0 {
		return errs.New(errs.Invalid, "--drain-timeout %v: it is a time above 0; a second SIGTERM ends a worker at once", c.Duration("drain-timeout"))
	}
	share, err := slowStart(c)
	if err != nil {
		return err
	}
	log, err := newLog(c, p.stderr, zapcore.InfoLevel)
	if err != nil {
		return err
	}
	cl, err := openServed(c)
	if err != nil {
		return err
	}
	defer cl.close()
	base := coordinatorConfig{Store: cl.store, Resolver: cl.resolver, TLS: cl.tls, LeaseTTL: c.Duration("lease-ttl"), Stall: c.Duration("stall"), SlowStart: share, NoBackup: c.Bool("no-backup"),
		Log: log, Version: versionText()}
	var runners []runner
	if coordinator {
		r, err := p.listenServe(c, "coordinator", c.String("listen"), base, p.servers.coordinator)
		if err != nil {
			return err
		}
		runners = append(runners, r)
	}
	if worker {
		scratch, leave, err := workerScratch(c.String("scratch"))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, leave()) }()
		listen := c.String("listen")
		if coordinator { // that port is taken
			host, _, _ := net.SplitHostPort(listen) // checkListen has looked at it
			listen = net.JoinHostPort(host, "0")
		}
		r, err := p.listenServe(c, "worker", listen, base, func(cc coordinatorConfig) (runner, error) {
			return p.servers.worker(workerConfig{coordinatorConfig: cc, Scratch: scratch, Slots: slots, Memory: memory, Labels: labels, RunCodec: c.String("run-codec"),
				DrainTimeout: c.Duration("drain-timeout")})
		})
		if err != nil {
			return err
		}
		runners = append(runners, r)
	}
	if err := runServers(c.Context, runners, log); err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, errInterrupted) {
		return err
	}
	return nil // stopped as it was asked to
}

// listenServe opens the port of a server, says so, and makes the server.
func (p *program) listenServe(c *cli.Context, role, listen string, cfg coordinatorConfig, create func(coordinatorConfig) (runner, error)) (runner, error) {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, next(errs.E(errs.Invalid, "serve "+role, "", err), "name another port with --listen; port 0 is any free one")
	}
	cfg.Listener = l
	if cfg.Advertise, err = advertised(c.String("advertise"), l.Addr()); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	if err := servesAs(cfg.TLS, cfg.Advertise); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	cfg.Log = cfg.Log.With(zap.String("role", role))
	cfg.Log.Info("serving", zap.String("addr", cfg.Advertise), zap.String("listen", l.Addr().String()), zap.Bool("tls", cfg.TLS != nil),
		zap.String("store", c.String(flagStore)), zap.Int("pid", os.Getpid()), zap.String("version", cfg.Version))
	r, err := create(cfg)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return r, nil
}

// checkListen refuses addresses beyond this machine unless there is TLS, or plain text was asked for by name.
func checkListen(listen string, allowed bool) error {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return errs.E(errs.Invalid, "--listen", "", err)
	}
	if allowed || host == "localhost" {
		return nil
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsLoopback() {
		return nil
	}
	return next(errs.New(errs.Invalid, "--listen %s: others could reach it, in plain text and with no questions asked", listen),
		"give it certificates with --tls-cert, --tls-key and --tls-ca, listen on 127.0.0.1, or say --insecure where the network is trusted")
}

// advertised is the address that others are told. Listening everywhere, it is the first address of this machine that is
// not loopback.
func advertised(given string, at net.Addr) (string, error) {
	host, port, err := net.SplitHostPort(at.String())
	if err != nil {
		return "", err
	}
	if given != "" {
		h, pt, err := net.SplitHostPort(given)
		if err != nil {
			return "", errs.E(errs.Invalid, "--advertise", "", err)
		}
		if pt == "0" {
			pt = port
		}
		return net.JoinHostPort(h, pt), nil
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsUnspecified() {
		return at.String(), nil
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return "", err
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() {
			return net.JoinHostPort(n.IP.String(), port), nil
		}
	}
	return net.JoinHostPort("127.0.0.1", port), nil
}

// workerScratch prepares a worker's scratch folder: the named one, which no other worker may use at the time, or a new
// one that leave removes.
func workerScratch(dir string) (scratch string, leave func() error, err error) {
	_ = tempdir.Abandoned(os.RemoveAll) // what cannot be removed now is in nobody's way
	if dir == "" {
		base, err := home()
		if err != nil {
			return "", nil, err
		}
		base = filepath.Join(base, "scratch")
		if err := os.MkdirAll(base, 0o700); err != nil {
			return "", nil, err
		}
		if _, err := trimScratch(base, time.Now(), false); err != nil {
			return "", nil, err
		}
		if dir, err = os.MkdirTemp(base, workerPrefix); err != nil {
			return "", nil, err
		}
		unlock, err := lockFile(filepath.Join(dir, "lock"))
		if err != nil {
			return "", nil, err
		}
		return filepath.Join(dir, "work"), func() error { unlock(); return os.RemoveAll(dir) }, nil
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return "", nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", nil, errs.E(errs.Invalid, "--scratch", "", err)
	}
	unlock, err := lockFile(filepath.Join(dir, "lock"))
	if err != nil {
		return "", nil, next(err, "give each worker a --scratch of its own")
	}
	// The worker removes its folder at the end, so it gets one beside the lock. One that was killed has left it.
	work := filepath.Join(dir, "work")
	if err := os.RemoveAll(work); err != nil {
		unlock()
		return "", nil, errs.E(errs.Other, "--scratch", work, err)
	}
	return work, func() error { unlock(); return nil }, nil
}

// parseLabels reads NAME=VALUE words.
func parseLabels(words []string) (map[string]string, error) {
	labels := map[string]string{}
	for _, w := range words {
		name, value, ok := strings.Cut(w, "=")
		if !ok || name == "" {
			return nil, errs.New(errs.Invalid, "--label %q: it is not like zone=a", w)
		}
		if old, twice := labels[name]; twice {
			return nil, errs.New(errs.Invalid, "--label %s: it is given twice, as %s and %s", name, old, value)
		}
		labels[name] = value
	}
	return labels, nil
}
