// Package sessionv1 is the wire between a worker and the leader: one bidirectional stream.
package sessionv1
