package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	controlv1 "github.com/mrctl/mrctl/api/control/v1"
	"github.com/mrctl/mrctl/internal/errs"
)

var rewrite = flag.Bool("rewrite", false, "accept what is printed as the golden files")

// golden compares text with a file in testdata; `go test -rewrite` accepts it.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *rewrite {
		if err := os.WriteFile(path, got, 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s:\n%s\nwant:\n%s", path, got, want)
	}
}

// noon is the moment at which the golden tables are printed.
var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func at(d time.Duration) int64 { return noon.Add(d).UnixNano() }

var (
	running = &controlv1.JobStatus{
		Id: "0198c2a1-0000-7000-8000-000000000001", Name: "wordcount", Phase: controlv1.JobStatus_PHASE_RUNNING,
		Output: "s3://results/words", Epoch: 7, Gen: 1,
		SubmittedUnixNanos: at(-90 * time.Second), StartedUnixNanos: at(-65 * time.Second),
		Stages: []*controlv1.StageStatus{
			{Name: "map", Tasks: 50, Done: 12, Running: 4, Waiting: 34, Bytes: 5 << 30, BytesDone: 3 << 29, RecordsDone: 123456},
			{Name: "reduce", Tasks: 8, Running: 2, Waiting: 6, RunsFetched: 12, RunsWanted: 100},
		},
		AttemptsFailed: 1, AttemptsLost: 2, TasksKept: 12,
		Warnings: []string{"s3://logs/a.gz is read by one task alone: a compressed file cannot be split"},
	}
	done = &controlv1.JobStatus{
		Id: "0198c2a1-0000-7000-8000-000000000002", Name: "loganalysis", Phase: controlv1.JobStatus_PHASE_DONE, Epoch: 7,
		SubmittedUnixNanos: at(-time.Hour), StartedUnixNanos: at(-time.Hour), EndedUnixNanos: at(-time.Hour + 12345*time.Millisecond),
		Stages:   []*controlv1.StageStatus{{Name: "map", Tasks: 1, Done: 1}, {Name: "reduce", Tasks: 2, Done: 2}},
		Counters: map[string]int64{"records in": 5000, "bad records": 3},
		Parts:    []*controlv1.Part{{Key: "part-00000.tsv", Rows: 7, Bytes: 1234}, {Key: "part-00001.tsv", Rows: 1, Bytes: 20}},
	}
	broken = &controlv1.JobStatus{
		Id: "0198c2a1-0000-7000-8000-000000000003", Name: "wordcount", Phase: controlv1.JobStatus_PHASE_FAILED,
		Error: "map/3: s3://logs/b at byte 17: panic: index out of range\ngoroutine 7 [running]:\nmain.go:12\n", ErrorKind: uint32(errs.UserCode),
		Output: "/data/out", SubmittedUnixNanos: at(-25 * time.Hour), StartedUnixNanos: at(-25 * time.Hour), EndedUnixNanos: at(-24 * time.Hour),
	}
	queued = &controlv1.JobStatus{Id: "0198c2a1-0000-7000-8000-000000000004", Name: "wordcount", SubmittedUnixNanos: at(-time.Second)}
)

func TestTables(t *testing.T) {
	for name, print := range map[string]func(*bytes.Buffer) error{
		"jobs.txt": func(b *bytes.Buffer) error {
			return printJobs(b, []*controlv1.JobStatus{queued, broken, done, running}, noon)
		},
		"jobs-none.txt":      func(b *bytes.Buffer) error { return printJobs(b, nil, noon) },
		"status-running.txt": func(b *bytes.Buffer) error { return printStatus(b, running, noon) },
		"status-done.txt":    func(b *bytes.Buffer) error { return printStatus(b, done, noon) },
		"status-failed.txt":  func(b *bytes.Buffer) error { return printStatus(b, broken, noon) },
		"status-queued.txt":  func(b *bytes.Buffer) error { return printStatus(b, queued, noon) },
		"status.json":        func(b *bytes.Buffer) error { return printJSON(b, viewJob(running)) },
		"status-done.json":   func(b *bytes.Buffer) error { return printJSON(b, viewJob(done)) },
		"workers.txt": func(b *bytes.Buffer) error {
			return printWorkers(b, []*controlv1.Worker{
				{Id: "w1-a7", Addr: "10.0.0.5:7071", Host: "five", Slots: 8, Busy: 3, Memory: 8 << 30, Platform: "linux/amd64", State: "ready",
					Labels: map[string]string{"zone": "a", "disk": "nvme"}, JoinedUnixNanos: at(-26 * time.Hour),
					LastHeartbeatUnixNanos: at(-1200 * time.Millisecond), AttemptsDone: 412, AttemptsFailed: 1},
				{Id: "w2-b1", Addr: "10.0.0.6:7071", Host: "six", Slots: 8, Memory: 512 << 20, Platform: "linux/arm64", State: "draining",
					JoinedUnixNanos: at(-5 * time.Minute), LastHeartbeatUnixNanos: at(-12 * time.Second)},
			}, noon)
		},
		"leader.txt": func(b *bytes.Buffer) error {
			return printLeader(b, leaderView{"c2-5f", "10.0.0.2:7070", 7, noon.Add(-3 * time.Hour), "v0.1.0"}, noon)
		},
	} {
		var b bytes.Buffer
		if err := print(&b); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		golden(t, name, b.Bytes())
	}
}
