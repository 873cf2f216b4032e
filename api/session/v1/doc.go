// Package sessionv1 is the wire between a worker and the leader: one bidirectional stream.
package sessionv1

// Protocol is the version of this wire and of all else that the processes of a cluster leave for each other: runs, rows
// between stages, records of jobs. A leader takes workers of the same one only. It is raised with every change that an older
// worker would do its work wrongly by; fields that it may ignore do not count.
const Protocol = 2
