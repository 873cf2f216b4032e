package diagnose

import (
	"strings"

	"github.com/mrctl/mrctl/internal/ledger"
)

// known is a cause that is told by what an error says.
type known struct {
	id     string
	says   [][]string // all phrases of one of these
	cause  string
	action string
	logs   bool // the plugin's words help
	whole  bool // the job's error says it of many attempts: single ones do not
}

// signs are asked in order: what is particular comes before what is general. Phrases are those of this program's own
// errors; the table test and the injections of package integration hold them to that.
var signs = []known{
	{id: "not-deterministic", whole: true, says: [][]string{{"the map function is not deterministic"}},
		cause:  "the map function gives something else when it is run again",
		action: "make it a function of its record alone (no clock, no random numbers, no order of a Go map), or submit it without --nondeterministic fail"},
	{id: "quarantined", whole: true, says: [][]string{{"quarantined:"}, {"the coordinator broke down over this job"}},
		cause:  "coordinators broke down while they handled this job; it was set aside so that others go on",
		action: "report this with the stack in the job's history (mrctl diagnose JOB --json); the job's data is as it was"},
	{id: "worker-killed", whole: true, says: [][]string{{"was lost with", "in a row"}},
		cause:  "workers died one after the other while they ran the same task",
		action: "look at the machines: was memory short (dmesg), was somebody killing workers? Give a worker more --memory, fewer --slots, or the task less by --split-size"},
	{id: "no-workers", whole: true, says: [][]string{{"and no capacity:"}},
		cause: "there was no worker to run it, for longer than a job waits", action: "start workers (mrctl serve worker) and submit it again"},

	{id: "partition-range", says: [][]string{{"Partition gave", "not in [0,"}},
		cause: "the job's Partition function gives numbers that are no partitions", action: "have it return 0 to n-1; a negative hash modulo n is negative"},
	{id: "record-too-large", says: [][]string{{"longer than the largest record"}},
		cause: "a record is larger than --max-record", action: "raise --max-record (and --memory), or mend the input: often line ends are missing"},
	{id: "bad-records", says: [][]string{{"bad records,", "are allowed"}, {"more bad records than --max-bad-records"}},
		cause: "more records are bad than --max-bad-records allows", action: "mend the record it names, or allow more with --max-bad-records N"},
	{id: "plugin-slow-record", says: [][]string{{"did not come back from a record"}},
		cause: "the map function does not come back from a record", action: "look for an endless loop at the record it names; --record-timeout gives it more time, --max-bad-records N sets it aside"},
	{id: "plugin-out-of-memory", says: [][]string{{"the process died", "killed (signal 9)"}, {"the process died", "out of memory"}, {"the process died", "cannot allocate memory"}, {"the process died", "failed to allocate"}},
		cause: "the plugin's process died for want of memory", logs: true,
		action: "have the function hold less, or give the worker more --memory or fewer --slots; --max-bad-records N sets a record aside that alone does it"},
	{id: "plugin-crash", says: [][]string{{"the process died", "SIGSEGV"}, {"the process died", "segmentation"}, {"the process died", "ended by signal"}},
		cause: "the plugin's process was ended by a signal of its own doing", logs: true,
		action: "look for unsafe or C code at the record it names; its last words have the stack"},
	{id: "plugin-exit", says: [][]string{{"the process died", "exited with status"}},
		cause: "the plugin's process exited in the middle of its work", logs: true,
		action: "return an error where it calls os.Exit or log.Fatal"},
	{id: "user-panic", says: [][]string{{": panic: "}},
		cause: "the job's own function panicked", logs: true, action: "mend the function at the line it names; --max-bad-records N sets records aside on which it does"},
	{id: "attempt-timeout", says: [][]string{{"--attempt-timeout"}},
		cause: "an attempt took longer than --attempt-timeout", action: "give attempts more time, or less to do by --split-size or --partitions"},
	{id: "plugin-hang", says: [][]string{{"no progress for"}},
		cause: "attempts made no progress: the function hangs", action: "look for what it waits for (a lock, the network); --stall says how long that may last, --attempt-timeout and --record-timeout name the place"},
	{id: "plugin-flags", says: [][]string{{"flag provided but not defined"}, {"invalid value", "for flag"}},
		cause: "the plugin was given flags it does not take", action: "mend what follows --; mrctl submit PLUGIN -- -h lists its flags"},
	{id: "plugin-start", says: [][]string{{"start plugin"}, {"the job brings no plugin for"}, {"read plugin"}, {"plugins/"}},
		cause: "the plugin cannot be started", logs: true,
		action: "it is to be a program for the workers' platform whose main calls jobs.Main; submit it from source, and mrctl builds it for them"},

	{id: "input-truncated", says: [][]string{{"the archive is cut off"}, {"decompress"}},
		cause: "a compressed input is cut off or damaged", action: "write the object it names again, or leave it out of the inputs"},
	{id: "input-damaged", says: [][]string{{"it is damaged, or of another format than its name says"}, {"its seek table"}},
		cause: "an input is cut off or damaged, or of another format than its name says", action: "write the object it names again, say what it is with --input-format, or leave it out of the inputs"},
	{id: "input-vanished", says: [][]string{{"the input changed while the job ran", "it is gone"}},
		cause: "an input was removed after the job was planned, or this worker does not see it", action: "put it back and submit the job again; inputs on local paths have to be at the same path on every worker"},
	{id: "input-changed", says: [][]string{{"the input changed while the job ran"}},
		cause: "an input was changed after the job was planned", action: "submit the job again once nobody writes to its inputs"},
	{id: "input-missing", says: [][]string{{"there is no such file, folder or object"}},
		cause: "an input is not there", action: "check its name, and that the workers see it"},

	{id: "output-exists", says: [][]string{{"it is not empty"}, {"claim output", "already"}, {"which claimed this output"}, {"another job writes"}},
		cause: "the output is not empty, or another job's", action: "name another output, or remove what is there"},
	{id: "output-not-writable", says: [][]string{{"claim output"}, {"cannot publish its output"}, {"stage part"}, {"write part"}},
		cause: "the output cannot be written", action: "give the coordinator and the workers the right to write there"},
	{id: "disk-full", says: [][]string{{"no space left on device"}, {"disk quota exceeded"}, {"file too large"}},
		cause: "the disk under a worker's scratch folder is full", action: "make room there, or name another folder with mrctl serve worker --scratch"},
	{id: "permission-denied", says: [][]string{{"permission denied"}, {"operation not permitted"}, {"AccessDenied"}, {"Access Denied"}},
		cause: "the workers or the coordinator may not read or write what it names", action: "give them the right to; mrctl doctor --store shows what a store allows"},
	{id: "run-corrupt", says: [][]string{{"checksum"}, {"CRC"}, {"corrupt"}, {"bytes are not what was written"}},
		cause: "bytes are not what was written: a disk, memory or network flips bits", action: "look at the disk and memory of the worker it names, and take it out of service (SIGTERM drains it); what was lost is made again"},
	{id: "store-unavailable", says: [][]string{{"503"}, {"SlowDown"}, {"ServiceUnavailable"}, {"connection refused"}, {"i/o timeout"}, {"the store does not answer"}},
		cause: "a store does not answer", action: "mrctl doctor --store says what it cannot do; attempts are tried again meanwhile"},
	{id: "worker-lost", says: [][]string{{"worker lost:"}},
		cause: "workers went away while they ran tasks", action: "look at the machines they ran on: their log, dmesg, the network; nothing of it is counted against the job"},
	{id: "user-error", says: [][]string{{"user-code:"}, {"failed", "allowed; last on worker"}},
		cause: "the job's own function returned an error", logs: true, action: "mend the record it names or the function; jobs.BadRecord and --max-bad-records N set such records aside"},
}

// sign finds the first that a text shows.
func sign(text string) *known {
	for i := range signs {
		for _, all := range signs[i].says {
			n := 0
			for _, phrase := range all {
				if strings.Contains(text, phrase) {
					n++
				}
			}
			if n == len(all) {
				return &signs[i]
			}
		}
	}
	return nil
}

func (k *known) finding(f Facts, text string, chain []ledger.Event) *Finding {
	x := &Finding{ID: k.id, Cause: k.cause, Evidence: lines(chain), Action: k.action}
	if len(chain) == 0 || k.whole {
		x.Evidence = append([]string{clip(text)}, x.Evidence...)
	}
	if k.logs {
		x.Action += "; " + logsOf(f, chain)
	}
	return x
}
