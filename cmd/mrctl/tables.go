package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	controlv1 "github.com/mrctl/mrctl/api/control/v1"
)

// columns gives a writer that lines up cells ended by tabs.
func columns(w io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(w, 0, 0, 2, ' ', 0) }

// printJobs writes a line for each job.
func printJobs(w io.Writer, jobs []*controlv1.JobStatus, now time.Time) error {
	t := columns(w)
	fmt.Fprintln(t, "JOB\tNAME\tPHASE\tMAP\tREDUCE\tSUBMITTED\tTOOK\tOUTPUT")
	for _, s := range jobs {
		output := s.Output
		if output == "" {
			output = "-"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", s.Id, s.Name, phaseCell(s), stageCell(s, "map"),
			stageCell(s, "reduce"), showTime(moment(s.SubmittedUnixNanos)), tookCell(s, now), output)
	}
	return t.Flush()
}

// phaseCell is a job's phase, marked where something holds it up; mrctl status says what.
func phaseCell(s *controlv1.JobStatus) string {
	if s.Blocked != "" {
		return phaseName(s.Phase) + " (blocked)"
	}
	return phaseName(s.Phase)
}

func stageCell(s *controlv1.JobStatus, name string) string {
	var done, tasks uint32 // of all stages of the job
	for _, st := range s.Stages {
		if st.Name == name || strings.HasSuffix(st.Name, ":"+name) {
			done, tasks = done+st.Done, tasks+st.Tasks
		}
	}
	if tasks == 0 {
		return "-"
	}
	return fmt.Sprintf("%d/%d", done, tasks)
}

// tookCell is how long a job took, or has taken until now.
func tookCell(s *controlv1.JobStatus, now time.Time) string {
	if s.StartedUnixNanos == 0 {
		return "-"
	}
	end := now
	if s.EndedUnixNanos != 0 {
		end = moment(s.EndedUnixNanos)
	}
	return showFor(end.Sub(moment(s.StartedUnixNanos)))
}

// printStatus writes all that is known of a job.
func printStatus(w io.Writer, s *controlv1.JobStatus, now time.Time) error {
	t := columns(w)
	line := func(name, format string, args ...any) { fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	line("job", "%s", s.Id)
	line("name", "%s", s.Name)
	line("phase", "%s", phaseName(s.Phase))
	if s.Error != "" {
		line("error", "%s", strings.ReplaceAll(strings.TrimRight(s.Error, "\n"), "\n", "\n\t"))
	}
	if s.Blocked != "" {
		line("blocked", "%s; it is tried again until it succeeds", s.Blocked)
	}
	if s.Phase == controlv1.JobStatus_PHASE_FAILED || s.Blocked != "" {
		line("next", "mrctl diagnose %s says why, and what to do", s.Id)
	}
	for _, warning := range s.Warnings {
		line("warning", "%s", warning)
	}
	if s.Output != "" {
		line("output", "%s", s.Output)
	}
	line("submitted", "%s", showTime(moment(s.SubmittedUnixNanos)))
	line("took", "%s", tookCell(s, now))
	if s.Epoch > 0 {
		line("epoch", "%d", s.Epoch)
	}
	if s.AttemptsFailed+s.AttemptsLost+s.TasksKept > 0 {
		line("attempts", "%d failed, %d lost; %d tasks kept from earlier leaders", s.AttemptsFailed, s.AttemptsLost, s.TasksKept)
	}
	if len(s.Parts) > 0 {
		line("result", "%s", resultText(s))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if len(s.Stages) > 0 {
		fmt.Fprintln(w)
		fmt.Fprintln(t, "STAGE\tTASKS\tDONE\tRUNNING\tWAITING\tRECORDS\tINPUT")
		for _, st := range s.Stages {
			input := "-"
			if st.Bytes > 0 {
				input = fmt.Sprintf("%s of %s", showSize(st.BytesDone), showSize(st.Bytes))
			} else if text := fetching(st); text != "" {
				input = text
			}
			fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%d\t%s\n", st.Name, st.Tasks, st.Done, st.Running, st.Waiting, st.RecordsDone, input)
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	if len(s.Counters) > 0 {
		fmt.Fprintln(w)
		fmt.Fprintln(t, "COUNTER\tVALUE")
		for _, name := range slices.Sorted(maps.Keys(s.Counters)) {
			fmt.Fprintf(t, "%s\t%d\n", name, s.Counters[name])
		}
	}
	return t.Flush()
}

// fetching says how far the reduces have come that still lack runs; "" where none does.
func fetching(st *controlv1.StageStatus) string {
	if st.RunsWanted == 0 {
		return ""
	}
	return fmt.Sprintf("fetching %d/%d", st.RunsFetched, st.RunsWanted)
}

// resultText says how much a job gave.
func resultText(s *controlv1.JobStatus) string {
	var rows, bytes uint64
	for _, p := range s.Parts {
		rows, bytes = rows+p.Rows, bytes+p.Bytes
	}
	text := fmt.Sprintf("%s in %s, %s", count(rows, "row"), count(uint64(len(s.Parts)), "part"), showSize(bytes))
	if n := s.Counters["map.bad_records"]; n > 0 {
		text = count(uint64(n), "bad record") + " set aside; " + text
	}
	return text
}

// namedText lists the named outputs of a job with their rows, as its counters have them; "" is none.
func namedText(counters map[string]int64) string {
	var each []string
	for _, counter := range slices.Sorted(maps.Keys(counters)) {
		if name, ok := strings.CutPrefix(strings.TrimSuffix(counter, ".rows"), "output."); ok {
			each = append(each, name+": "+count(uint64(counters[counter]), "row"))
		}
	}
	return strings.Join(each, ", ")
}

func count(n uint64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// printWorkers writes a line for each worker.
func printWorkers(w io.Writer, workers []*controlv1.Worker, now time.Time) error {
	t := columns(w)
	fmt.Fprintln(t, "WORKER\tADDRESS\tHOST\tSTATE\tSLOTS\tMEMORY\tPLATFORM\tDONE\tFAILED\tUP\tHEARD\tLABELS")
	for _, k := range workers {
		var labels []string
		for _, name := range slices.Sorted(maps.Keys(k.Labels)) {
			labels = append(labels, name+"="+k.Labels[name])
		}
		if len(labels) == 0 {
			labels = []string{"-"}
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d/%d\t%s\t%s\t%d\t%d\t%s\t%s ago\t%s\n", k.Id, k.Addr, k.Host, k.State, k.Busy, k.Slots,
			showSize(k.Memory), k.Platform, k.AttemptsDone, k.AttemptsFailed, showFor(now.Sub(moment(k.JoinedUnixNanos))),
			showFor(now.Sub(moment(k.LastHeartbeatUnixNanos))), strings.Join(labels, ","))
	}
	return t.Flush()
}

// printLeader writes who leads.
func printLeader(w io.Writer, l leaderView, now time.Time) error {
	t := columns(w)
	fmt.Fprintln(t, "HOLDER\tADDRESS\tEPOCH\tFOR\tVERSION")
	since := "-"
	if !l.Since.IsZero() {
		since = showFor(now.Sub(l.Since))
	}
	fmt.Fprintf(t, "%s\t%s\t%d\t%s\t%s\n", l.Holder, l.Addr, l.Epoch, since, l.Version)
	return t.Flush()
}
