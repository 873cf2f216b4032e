package main

import (
	"encoding/json"
	"io"
	"strings"
	"time"

	controlv1 "github.com/mrctl/mrctl/api/control/v1"
	"github.com/mrctl/mrctl/internal/errs"
)

// This file is the JSON that --json prints. Machines rely on these names: add to them, change none.

type jobView struct {
	ID             string           `json:"id"`
	Name           string           `json:"name"`
	Phase          string           `json:"phase"` // queued, planning, running, committing, done, failed, cancelled
	Error          string           `json:"error,omitempty"`
	ErrorKind      string           `json:"error_kind,omitempty"`
	Blocked        string           `json:"blocked,omitempty"` // what is tried again, and why
	Output         string           `json:"output,omitempty"`
	Submitted      time.Time        `json:"submitted,omitzero"`
	Started        time.Time        `json:"started,omitzero"`
	Ended          time.Time        `json:"ended,omitzero"`
	Epoch          uint64           `json:"epoch,omitempty"`
	Gen            uint32           `json:"gen,omitempty"`
	Stages         []stageView      `json:"stages,omitempty"`
	Counters       map[string]int64 `json:"counters,omitempty"`
	Parts          []partView       `json:"parts,omitempty"`
	AttemptsFailed uint64           `json:"attempts_failed,omitempty"`
	AttemptsLost   uint64           `json:"attempts_lost,omitempty"`
	TasksKept      uint64           `json:"tasks_kept,omitempty"`
	Warnings       []string         `json:"warnings,omitempty"`
	Spec           json.RawMessage  `json:"spec,omitempty"`
}

type stageView struct {
	Name        string `json:"name"`
	Tasks       uint32 `json:"tasks"`
	Done        uint32 `json:"done"`
	Running     uint32 `json:"running"`
	Waiting     uint32 `json:"waiting"`
	Bytes       uint64 `json:"bytes,omitempty"`
	BytesDone   uint64 `json:"bytes_done,omitempty"`
	RecordsDone uint64 `json:"records_done,omitempty"`
	RunsFetched uint64 `json:"runs_fetched,omitempty"`
	RunsWanted  uint64 `json:"runs_wanted,omitempty"`
}

type partView struct {
	Key   string `json:"key"`
	Rows  uint64 `json:"rows"`
	Bytes uint64 `json:"bytes"`
}

type eventView struct {
	Seq     uint64    `json:"seq"`
	Time    time.Time `json:"time"`
	Kind    string    `json:"kind"`
	Task    string    `json:"task,omitempty"`
	Attempt *uint32   `json:"attempt,omitempty"` // from 0; with a task
	Worker  string    `json:"worker,omitempty"`
	Text    string    `json:"text,omitempty"`
}

type workerView struct {
	ID             string            `json:"id"`
	Addr           string            `json:"addr"`
	Host           string            `json:"host,omitempty"`
	PID            int64             `json:"pid,omitempty"`
	State          string            `json:"state"`
	Slots          uint32            `json:"slots"`
	Busy           uint32            `json:"busy"`
	Memory         uint64            `json:"memory,omitempty"`
	Platform       string            `json:"platform,omitempty"`
	Labels         map[string]string `json:"labels,omitempty"`
	Joined         time.Time         `json:"joined,omitzero"`
	LastHeartbeat  time.Time         `json:"last_heartbeat,omitzero"`
	Version        string            `json:"version,omitempty"`
	AttemptsDone   uint64            `json:"attempts_done"`
	AttemptsFailed uint64            `json:"attempts_failed"`
}

type leaderView struct {
	Holder  string    `json:"holder"`
	Addr    string    `json:"addr"`
	Epoch   uint64    `json:"epoch"`
	Since   time.Time `json:"since,omitzero"`
	Version string    `json:"version,omitempty"`
}

func viewJob(s *controlv1.JobStatus) jobView {
	v := jobView{
		ID: s.Id, Name: s.Name, Phase: phaseName(s.Phase), Error: s.Error, Blocked: s.Blocked, Output: s.Output,
		Submitted: moment(s.SubmittedUnixNanos), Started: moment(s.StartedUnixNanos), Ended: moment(s.EndedUnixNanos),
		Epoch: s.Epoch, Gen: s.Gen, Counters: s.Counters, AttemptsFailed: s.AttemptsFailed, AttemptsLost: s.AttemptsLost,
		TasksKept: s.TasksKept, Warnings: s.Warnings,
	}
	if s.Error != "" {
		v.ErrorKind = errs.Kind(s.ErrorKind).String()
	}
	if json.Valid(s.Spec) {
		v.Spec = s.Spec
	}
	for _, st := range s.Stages {
		v.Stages = append(v.Stages, stageView{st.Name, st.Tasks, st.Done, st.Running, st.Waiting, st.Bytes, st.BytesDone, st.RecordsDone,
			st.RunsFetched, st.RunsWanted})
	}
	for _, p := range s.Parts {
		v.Parts = append(v.Parts, partView{p.Key, p.Rows, p.Bytes})
	}
	return v
}

func viewEvent(e *controlv1.Event) eventView {
	v := eventView{Seq: e.Seq, Time: moment(e.UnixNanos), Kind: e.Kind, Task: e.Task, Worker: e.Worker, Text: e.Text}
	if e.Task != "" {
		v.Attempt = &e.Attempt
	}
	return v
}

func viewWorker(w *controlv1.Worker) workerView {
	return workerView{w.Id, w.Addr, w.Host, w.Pid, w.State, w.Slots, w.Busy, w.Memory, w.Platform, w.Labels,
		moment(w.JoinedUnixNanos), moment(w.LastHeartbeatUnixNanos), w.Version, w.AttemptsDone, w.AttemptsFailed}
}

// phaseName writes a phase as it stands in records. A job nobody has taken yet has none.
func phaseName(p controlv1.JobStatus_Phase) string {
	if p == controlv1.JobStatus_PHASE_UNSPECIFIED {
		return "queued"
	}
	return strings.ToLower(strings.TrimPrefix(p.String(), "PHASE_"))
}

func moment(nanos int64) time.Time {
	if nanos == 0 {
		return time.Time{}
	}
	return time.Unix(0, nanos).UTC()
}

// printJSON writes a value in one line.
func printJSON(w io.Writer, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}
