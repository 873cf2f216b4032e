package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Kind is a kind of fault.
type Kind string

// The kinds of fault; Faults says what each is.
const (
	KillLeader  Kind = "kill-leader"
	StopLeader  Kind = "stop-leader"
	TermLeader  Kind = "term-leader"
	KillStandby Kind = "kill-standby"
	StopStandby Kind = "stop-standby"
	KillWorker  Kind = "kill-worker"
	StopWorker  Kind = "stop-worker"
	TermWorker  Kind = "term-worker"
	KillPlugin  Kind = "kill-plugin"
	StopPlugin  Kind = "stop-plugin"
	KillAll     Kind = "kill-all"
	KillAtWrite Kind = "kill-at-write"

	CutSession  Kind = "cut-session"
	HoldSession Kind = "hold-session"
	CutShuffle  Kind = "cut-shuffle"
	HoldShuffle Kind = "hold-shuffle"
	SlowShuffle Kind = "slow-shuffle"
	CutClient   Kind = "cut-client"
	LoneLeader  Kind = "lone-leader"
	SlowNet     Kind = "slow-net"

	Partition    Kind = "partition"
	Deaf         Kind = "deaf"
	Mute         Kind = "mute"
	SplitCluster Kind = "split-cluster"
	SplitWorkers Kind = "split-workers"
	StoreGone    Kind = "store-gone"
	ClientGone   Kind = "client-gone"
	LosePackets  Kind = "lose-packets"
	SlowLinks    Kind = "slow-links"

	Storm       Kind = "storm"
	LostRequest Kind = "lost-request"
	LostReply   Kind = "lost-reply"
	LateReply   Kind = "late-reply"
	LateWrite   Kind = "late-write"
	CutBody     Kind = "cut-body"
	FlipBody    Kind = "flip-body"
	NoStore     Kind = "no-store"

	FullDisk  Kind = "full-disk"
	FlipRun   Kind = "flip-run"
	CutRun    Kind = "cut-run"
	DeleteRun Kind = "delete-run"

	ClockAhead Kind = "clock-ahead"
	ClockBack  Kind = "clock-back"
	ClockSwing Kind = "clock-swing"
)

// Need is what a fault cannot do without.
type Need uint8

// Needs add up.
const (
	S3     Need = 1 << iota // an S3 server, before which a proxy can stand
	Root                    // the right to mount, on Linux
	Linux                   // /proc
	Clocks                  // a build of mrctl whose clock can be moved
	Spaces                  // each process in a network of its own, whose packets can be lost
)

// About describes a kind.
type About struct {
	Kind     Kind
	Group    string // process, network, packets, store, disk, clock
	Says     string
	Needs    Need
	From, To time.Duration // it lasts so long; what is killed comes back after it
	Cost     time.Duration // that it may add to a job's time beyond that
}

const (
	ms = time.Millisecond
	s  = time.Second
	// lease is what it takes at most to replace a leader: its lease, a missed poll, and the wait for workers that hold runs.
	lease = 14 * s
)

// Faults lists all kinds.
var Faults = []About{
	{KillLeader, "process", "SIGKILL of the coordinator that leads; it comes back", 0, 200 * ms, 4 * s, lease},
	{StopLeader, "process", "SIGSTOP of the leader, often for longer than its lease, then SIGCONT", 0, 500 * ms, 9 * s, lease},
	{TermLeader, "process", "SIGTERM of the leader, as in a rolling restart", 0, 200 * ms, 2 * s, lease},
	{KillStandby, "process", "SIGKILL of a coordinator that does not lead", 0, 200 * ms, 4 * s, 2 * s},
	{StopStandby, "process", "SIGSTOP of a coordinator that does not lead", 0, 500 * ms, 9 * s, lease},
	{KillWorker, "process", "SIGKILL of a worker: its attempts and runs are gone; it comes back", 0, 200 * ms, 4 * s, 10 * s},
	{StopWorker, "process", "SIGSTOP of a worker, often for so long that it is given up", 0, 500 * ms, 12 * s, 10 * s},
	{TermWorker, "process", "SIGTERM of a worker, as in a rolling restart", 0, 200 * ms, 2 * s, 10 * s},
	{KillPlugin, "process", "SIGKILL of a worker's plugin", Linux, ms, 2 * ms, 4 * s},
	{StopPlugin, "process", "SIGSTOP of a worker's plugin, sometimes until the watchdog kills it", Linux, 500 * ms, 20 * s, 10 * s},
	{KillAll, "process", "SIGKILL of every process of the cluster at once", 0, 200 * ms, 3 * s, lease + 10*s},
	{KillAtWrite, "process", "SIGKILL of the leader at its n-th write, before or after it takes effect", S3, 200 * ms, 4 * s, lease},

	{CutSession, "network", "connections between a worker and the coordinators are reset", 0, 200 * ms, 6 * s, 6 * s},
	{HoldSession, "network", "nothing gets through between a worker and the coordinators", 0, 500 * ms, 12 * s, 10 * s},
	{CutShuffle, "network", "connections to a worker's runs are reset", 0, 200 * ms, 6 * s, 10 * s},
	{HoldShuffle, "network", "nothing gets through to a worker's runs", 0, 500 * ms, 12 * s, 20 * s},
	{SlowShuffle, "network", "a worker's runs come at 20 to 200 KB/s", 0, s, 8 * s, 10 * s},
	{CutClient, "network", "the client's connections are reset", Linux, 500 * ms, 5 * s, s},
	{LoneLeader, "network", "the leader reaches the store but nobody else", 0, s, 10 * s, lease},
	{SlowNet, "network", "every piece takes 5 to 60 ms between any two processes", 0, s, 8 * s, 8 * s},

	{Partition, "packets", "what a process sends and what is sent to it vanishes, without a word to anybody", Spaces, 500 * ms, 14 * s, lease + 10*s},
	{Deaf, "packets", "a process is heard by all and hears nobody", Spaces, 500 * ms, 14 * s, lease + 10*s},
	{Mute, "packets", "a process hears all and is heard by nobody", Spaces, 500 * ms, 14 * s, lease + 10*s},
	{SplitCluster, "packets", "two halves of the cluster hear nothing of each other, sometimes for so long that the leader steps aside; both reach the store", Spaces, 500 * ms, 40 * s, lease + 20*s},
	{SplitWorkers, "packets", "two workers hear nothing of each other, and all others do", Spaces, 500 * ms, 14 * s, 20 * s},
	{StoreGone, "packets", "packets between a process and the store vanish", S3 | Spaces, 500 * ms, 12 * s, lease + 10*s},
	{ClientGone, "packets", "packets between the client and the coordinators vanish", Spaces, 500 * ms, 12 * s, 15 * s},
	{LosePackets, "packets", "up to a fifth of all packets vanish, each by chance", Spaces, s, 8 * s, 15 * s},
	{SlowLinks, "packets", "links carry 0.2 to 2 MB/s, and what does not fit is dropped", Spaces, s, 8 * s, 10 * s},

	{Storm, "store", "503 SlowDown for up to nine of ten requests", S3, 200 * ms, 6 * s, lease},
	{LostRequest, "store", "requests never reach the store, and the connection is closed", S3, 500 * ms, 8 * s, lease},
	{LostReply, "store", "the store does what was asked, and the connection is closed", S3, 500 * ms, 8 * s, lease},
	{LateReply, "store", "replies take up to 30 s", S3, s, 8 * s, 40 * s},
	{LateWrite, "store", "writes take effect up to 15 s after their sender was cut off", S3, s, 8 * s, lease + 15*s},
	{CutBody, "store", "bodies that are read end half way", S3, 500 * ms, 8 * s, 8 * s},
	{FlipBody, "store", "a bit is wrong in records, plans and plugins that are read", S3, 500 * ms, 5 * s, lease},
	{NoStore, "store", "one process cannot reach the store", S3, 500 * ms, 10 * s, lease},

	{FullDisk, "disk", "no space is left on a worker's scratch", Root | Linux, 500 * ms, 6 * s, 10 * s},
	{FlipRun, "disk", "a bit of a run file is wrong", 0, ms, 2 * ms, 10 * s},
	{CutRun, "disk", "a run file loses its second half", 0, ms, 2 * ms, 10 * s},
	{DeleteRun, "disk", "a run file is gone", 0, ms, 2 * ms, 10 * s},

	{ClockAhead, "clock", "a process's clock jumps ahead, by minutes to weeks, and then back to what is right", Clocks, 500 * ms, 10 * s, lease},
	{ClockBack, "clock", "a process's clock jumps back, by minutes to weeks, and then ahead to what is right", Clocks, 500 * ms, 10 * s, lease},
	{ClockSwing, "clock", "a process's clock jumps to and fro, by minutes to weeks, three times a second", Clocks, 500 * ms, 10 * s, lease},
}

// Of describes a kind.
func Of(k Kind) About {
	i := slices.IndexFunc(Faults, func(a About) bool { return a.Kind == k })
	return Faults[i]
}

// Parse reads names of kinds and of their groups, separated by commas; "" and "all" are all kinds, "none" is none.
func Parse(list string) ([]Kind, error) {
	var kinds []Kind
	for word := range strings.SplitSeq(list, ",") {
		word = strings.TrimSpace(word)
		known := word == "none"
		for _, a := range Faults {
			if word == "" || word == "all" || word == a.Group || word == string(a.Kind) {
				known = true
				if !slices.Contains(kinds, a.Kind) {
					kinds = append(kinds, a.Kind)
				}
			}
		}
		if !known {
			return nil, fmt.Errorf("%q is neither a fault nor a group of faults", word)
		}
	}
	return kinds, nil
}
