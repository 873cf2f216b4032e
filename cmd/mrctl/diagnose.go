package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	controlv1 "github.com/mrctl/mrctl/api/control/v1"
	"github.com/mrctl/mrctl/internal/diagnose"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/ledger"
)

func (p *program) diagnoseCommand() *cli.Command {
	return &cli.Command{
		Name:      "diagnose",
		Usage:     "say why a job failed, or stands still, and what to do about it",
		ArgsUsage: "JOB",
		Description: `Names the first cause of a job's trouble, not its last symptom, and the next action. It asks the leader
and reads the store, and makes do with the store alone where nobody leads. Exits with 3 if it cannot
read the store either.

  mrctl diagnose 0198c2
  mrctl diagnose 0198c2 --store s3://cluster/mrctl --json`,
		Action: p.diagnose,
	}
}

func (p *program) diagnose(c *cli.Context) error {
	if err := needArgs(c, 1, 1); err != nil {
		return err
	}
	f := diagnose.Facts{Store: c.String(flagStore), Now: time.Now()}
	cl, id, err := p.openJob(c, c.Args().First())
	if err == nil {
		defer cl.close()
		err = cl.facts(c.Context, id, &f)
	}
	switch kind := errs.KindOf(err); {
	case err == nil:
	case c.Context.Err() != nil, f.Store == "", kind == errs.NotFound, kind == errs.Invalid && cl == nil:
		return err
	default:
		f.Refuse = err
	}
	if f.Store == "" {
		f.Ended = runEnded(id)
	}
	v := diagnoseView{ID: id, Phase: string(f.Job.Phase), Error: f.Job.Error, Findings: diagnose.Examine(f)}
	if c.Bool(flagJSON) {
		v.Events = f.Events
		err = printJSON(p.stdout, v)
	} else {
		err = printDiagnosis(p.stdout, v)
	}
	if err == nil && f.Refuse != nil {
		return exitWith(exitUnreachable, next(f.Refuse, "%s", v.Findings[0].Action))
	}
	return err
}

// runEnded says that nobody holds the lock of a run on this machine.
func runEnded(id string) bool {
	runs, err := pastRuns()
	i := slices.IndexFunc(runs, func(r pastRun) bool { return r.id == id })
	if err != nil || i < 0 {
		return false
	}
	unlock, err := runs[i].lock()
	if err != nil {
		return false
	}
	unlock()
	return true
}

// How much is asked for, and how long.
const (
	recordIn  = 8 * time.Second  // the job's record; a store that is away would be asked for ever
	restIn    = 30 * time.Second // the history, which may be long
	askingFor = 3 * time.Second  // whoever leads
)

// facts gathers what can be known of a job. Only what cannot be done without is an error: its record.
func (cl *cluster) facts(ctx context.Context, id string, f *diagnose.Facts) (err error) {
	if f.Job, err = cl.record(ctx, id); err != nil {
		return err
	}
	cl.past(ctx, id, f)
	if f.Job.Phase.Ended() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, askingFor)
	defer cancel()
	if lease, err := ledger.ReadLease(ctx, cl.store); err == nil && lease.Led() {
		f.Leader = fmt.Sprintf("%s at %s, epoch %d", lease.Holder, lease.Addr, lease.Epoch)
	}
	f.Silent = cl.askFor(ctx, 1, func(ctx context.Context, client controlv1.ControlServiceClient) error {
		return askFacts(ctx, client, id, f)
	})
	return nil
}

// record reads a job's record, unless the store does not answer in time.
func (cl *cluster) record(ctx context.Context, id string) (ledger.Job, error) {
	ctx, cancel := context.WithTimeout(ctx, recordIn)
	defer cancel()
	j, err := ledger.ReadJob(ctx, cl.store, id)
	if err != nil && ctx.Err() != nil {
		err = errs.New(errs.Unavailable, "store %s: it has not answered within %v: %w", cl.uri, recordIn, err)
	}
	return j, err
}

// past reads what lies in the store of a job's past: what there is, and as much as comes in time.
func (cl *cluster) past(ctx context.Context, id string, f *diagnose.Facts) {
	ctx, cancel := context.WithTimeout(ctx, restIn)
	defer cancel()
	f.Events, _ = ledger.ReadHistory(ctx, cl.store, id) // as said
}

// askFacts takes what only the leader knows: the workers, what it is blocked by, and what happened since it last wrote
// the history down.
func askFacts(ctx context.Context, client controlv1.ControlServiceClient, id string, f *diagnose.Facts) error {
	workers, err := client.Workers(ctx, &controlv1.WorkersRequest{})
	if err != nil {
		return err
	}
	for _, w := range workers.Workers {
		f.Workers = append(f.Workers, diagnose.Worker{ID: w.Id, State: w.State, Beat: moment(w.LastHeartbeatUnixNanos)})
	}
	lead, err := client.Leader(ctx, &controlv1.LeaderRequest{})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // its first message has all events so far
	stream, err := client.Watch(ctx, &controlv1.WatchRequest{Job: id, Events: true})
	if err != nil {
		return err
	}
	m, err := stream.Recv()
	if err != nil {
		return err
	}
	f.Blocked = m.GetStatus().GetBlocked()
	f.Events = slices.DeleteFunc(f.Events, func(e ledger.Event) bool { return e.Epoch == lead.Epoch })
	for _, e := range m.Events {
		f.Events = append(f.Events, ledger.Event{Epoch: lead.Epoch, Seq: e.Seq, Time: moment(e.UnixNanos), Kind: e.Kind, Task: e.Task,
			Attempt: int32(e.Attempt), Worker: e.Worker, Text: e.Text})
	}
	return nil
}

// diagnoseView is what diagnose --json prints.
type diagnoseView struct {
	ID       string             `json:"id"`
	Phase    string             `json:"phase,omitempty"`
	Error    string             `json:"error,omitempty"`
	Findings []diagnose.Finding `json:"findings"` // the first cause first
	Events   []ledger.Event     `json:"events,omitempty"`
}

func printDiagnosis(w io.Writer, v diagnoseView) error {
	var text strings.Builder
	if v.Phase != "" {
		fmt.Fprintf(&text, "job %s is %s\n", v.ID, v.Phase)
	}
	for i, x := range v.Findings {
		name := "cause"
		if i > 0 {
			name = "\nbesides"
		}
		fmt.Fprintf(&text, "%s: %s (%s)\n", name, x.Cause, x.ID)
		for _, e := range x.Evidence {
			fmt.Fprintf(&text, "  %s\n", strings.ReplaceAll(e, "\n", "\n    "))
		}
		fmt.Fprintf(&text, "do: %s\n", x.Action)
	}
	_, err := io.WriteString(w, text.String())
	return err
}
