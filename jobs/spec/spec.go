// Package spec is the job as it is submitted: what to run, on what, where the result goes. It is written once, by the
// client, checked before any work starts, and never changed.
package spec

import (
	"fmt"
	"regexp"
	"time"

	"github.com/mrctl/mrctl/internal/errs"
)

// Defaults and limits.
const (
	DefaultMaxAttempts = 4
	MaxPartitions      = 100_000
	MaxSorted          = 10_000 // partitions of a job whose parts are ordered overall
	MaxStages          = 100
	// DefaultSplitSize is the bytes of input a map task gets where nothing else is asked. Large tasks make combining
	// pay; the planner makes them smaller where the input would not fill the slots.
	DefaultSplitSize = 512 << 20
	MinRecordTimeout = 100 * time.Millisecond
)

// What Job.Nondeterministic may be.
const (
	Rerun = "rerun"
	Fail  = "fail"
)

// The values of Job.Shuffle.
const (
	ShuffleWorker = "worker"
	ShuffleStore  = "store"
)

// Job is a job as submitted. The zero value of a field means its default where it has one.
type Job struct {
	Name string `json:"name"` // from the plugin's Describe; [a-z0-9-], 1 to 40 bytes
	// Plugins is the sha256 (hex) of the plugin's binary per platform ("linux/amd64"); at least one. The binaries lie in
	// the store under plugins/<sha256>.
	Plugins map[string]string `json:"plugins"`
	Args    []string          `json:"args,omitempty"` // the plugin's own flags
	// Stage is the plugin.v1.Stage (protobuf) the plugin described with these arguments: the planner relies on it, workers
	// refuse a plugin that describes itself otherwise.
	Stage []byte `json:"stage"`
	// Then are the stages after the first, in order, described likewise.
	Then [][]byte `json:"then,omitempty"`

	Inputs      []string `json:"inputs"`                 // URIs: absolute paths or s3://bucket/key, globs allowed
	InputFormat string   `json:"input_format,omitempty"` // see storage/dataset; "": lines, or by name for rows
	// NamedInputs and NamedFormats, instead of Inputs and InputFormat, are those of a job whose inputs have names.
	NamedInputs  map[string][]string `json:"named_inputs,omitempty"`
	NamedFormats map[string]string   `json:"named_formats,omitempty"`
	// Sides are the files that the plugin reads besides its input, by the names it has for them: URIs as of inputs, of one
	// file each.
	Sides        map[string]string `json:"sides,omitempty"`
	Decompress   string            `json:"decompress,omitempty"` // "auto" (default, by file name) or "none"
	Output       string            `json:"output,omitempty"`     // URI of a folder; "" keeps the parts with the job, for -o -
	OutputFormat string            `json:"output_format,omitempty"`

	Partitions    int   `json:"partitions,omitempty"` // reduce tasks; 0: chosen by the planner
	SplitSize     int64 `json:"split_size,omitempty"` // bytes; 0: DefaultSplitSize, less for small inputs
	MaxAttempts   int   `json:"max_attempts,omitempty"`
	MaxBadRecords int64 `json:"max_bad_records"`      // -1: any number (bad records are counted and sampled)
	MaxRecord     int64 `json:"max_record,omitempty"` // bytes; 0: a quarter of the worker's memory, at most 256 MiB
	// RecordTimeout is how long Map may take for a record, AttemptTimeout how long an attempt may take in all. 0: as long as
	// it likes, while it makes progress.
	RecordTimeout  time.Duration `json:"record_timeout,omitempty"`
	AttemptTimeout time.Duration `json:"attempt_timeout,omitempty"`
	Priority       int           `json:"priority,omitempty"` // higher goes first
	Keys           string        `json:"keys,omitempty"`     // "OFF:LEN", see KeyBytes; identity jobs only
	// Sorted makes the parts ordered overall: every key of a part is before all keys of the next. The parts are cut into ranges
	// of keys by what the maps have found, and are about equal.
	Sorted bool `json:"sorted,omitempty"`
	// Nondeterministic is what becomes of a job whose map gives something else when it is run again: "" or Rerun runs the
	// reduces again that rest on what it gave before, Fail ends the job.
	Nondeterministic string `json:"nondeterministic,omitempty"`

	// Shuffle says where the runs of finished maps are kept: "worker" (default), with the worker that made them, or "store", in
	// the cluster's store as well, before they count as finished: then no worker's end costs any.
	Shuffle  string `json:"shuffle,omitempty"`
	NoBackup bool   `json:"no_backup,omitempty"` // slow attempts get no backup

	RequestID string    `json:"request_id,omitempty"` // the same id twice is one job
	Submitted time.Time `json:"submitted"`            // the client's clock; for people
	SharedFS  bool      `json:"shared_fs,omitempty"`  // local paths mean the same on every worker
}

var nameRE = regexp.MustCompile(`^[a-z0-9-]{1,40}$`)
var digestRE = regexp.MustCompile(`^[0-9a-f]{64}$`)

// WithDefaults fills in what was left zero.
func (j Job) WithDefaults() Job {
	if j.Decompress == "" {
		j.Decompress = "auto"
	}
	if j.OutputFormat == "" {
		j.OutputFormat = "tsv"
	}
	if j.Shuffle == "" {
		j.Shuffle = ShuffleWorker
	}
	if j.MaxAttempts == 0 {
		j.MaxAttempts = DefaultMaxAttempts
	}
	return j
}

// Check says what is wrong with a job, as an errs.Invalid that names the field.
func (j Job) Check() error {
	bad := func(field, format string, args ...any) error {
		return errs.E(errs.Invalid, "job spec", field, fmt.Errorf(format, args...))
	}
	if !nameRE.MatchString(j.Name) {
		return bad("name", "%q must be 1 to 40 of a-z, 0-9 and -", j.Name)
	}
	if len(j.Plugins) == 0 {
		return bad("plugins", "no plugin binary is named")
	}
	for platform, sum := range j.Plugins {
		if !digestRE.MatchString(sum) {
			return bad("plugins", "%s: %q is not a sha256 in hex", platform, sum)
		}
	}
	if len(j.Stage) == 0 {
		return bad("stage", "the plugin has not been asked what it is")
	}
	if len(j.Then) > MaxStages-1 {
		return bad("then", "%d stages are more than %d", 1+len(j.Then), MaxStages)
	}
	if err := j.checkInputs(); err != nil {
		return err
	}
	if err := j.checkSides(); err != nil {
		return bad("sides", "%w", err)
	}
	if j.Partitions < 0 || j.Partitions > MaxPartitions {
		return bad("partitions", "%d is not between 1 and %d", j.Partitions, MaxPartitions)
	}
	if j.SplitSize < 0 {
		return bad("split_size", "%d is negative", j.SplitSize)
	}
	if j.MaxAttempts < 0 || j.MaxAttempts > 100 {
		return bad("max_attempts", "%d is not between 1 and 100", j.MaxAttempts)
	}
	if j.MaxBadRecords < -1 {
		return bad("max_bad_records", "%d: use -1 for any number", j.MaxBadRecords)
	}
	if t := j.RecordTimeout; t != 0 && t < MinRecordTimeout {
		return bad("record_timeout", "%v is less than %v, within which a machine may be busy with other things", t, MinRecordTimeout)
	}
	if t := j.AttemptTimeout; t < 0 {
		return bad("attempt_timeout", "%v is negative", t)
	}
	if d := j.Decompress; d != "" && d != "auto" && d != "none" {
		return bad("decompress", "%q is neither auto nor none", d)
	}
	if n := j.Nondeterministic; n != "" && n != Rerun && n != Fail {
		return bad("nondeterministic", "%q is neither %s nor %s", n, Rerun, Fail)
	}
	if s := j.Shuffle; s != "" && s != ShuffleWorker && s != ShuffleStore {
		return bad("shuffle", "%q is neither %s nor %s", s, ShuffleWorker, ShuffleStore)
	}
	if j.Sorted && j.Partitions > MaxSorted {
		return bad("partitions", "%d parts cannot be ordered overall, at most %d can: ask for fewer", j.Partitions, MaxSorted)
	}
	_, err := j.KeyBytes()
	return err
}

// CheckMapOnly says why a job is refused that asks for a number of parts although its last stage only maps: each split is a part.
func CheckMapOnly(partitions int) error {
	switch partitions {
	case 0:
		return nil
	case 1:
		return errs.New(errs.Invalid, "one partition: this job only maps, so each split becomes a part of its own, in the order of the input; "+
			"leave --partitions or --single out, and put the parts together by mrctl cat OUTPUT > FILE")
	}
	return errs.New(errs.Invalid, "%d partitions: this job only maps, so each split becomes a part of its own, in the order of the input; "+
		"leave --partitions out: --split-size says how large they are", partitions)
}

// CheckSorted says why a job with Sorted is refused whose plugin says where its pairs go, or which has no reduce.
func CheckSorted(ownPartition, mapOnly bool) error {
	switch {
	case ownPartition:
		return errs.New(errs.Invalid, "sorted: parts that are ordered overall are ranges of keys, and this job says itself where its pairs go (by Partition, SortBy, a join or --sort-values); leave one of the two out")
	case mapOnly:
		return errs.New(errs.Invalid, "sorted: this job has no keys to sort by; it only maps")
	}
	return nil
}
