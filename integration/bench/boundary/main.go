// Command boundary moves batches between two processes and prints a checksum of what arrived: in the way that worker
// and plugin have, or over a plain Unix socket, which is what that way is measured against.
//
//	boundary down BATCHES          worker to plugin, into memory of the plugin's own, as for strings
//	boundary down-in-place BATCHES worker to plugin, looked at where it lies, as for []byte and Arrow data
//	boundary up BATCHES            plugin to worker
//	boundary socket BATCHES        from one process to another, length and bytes, always into the same memory
//	boundary socket-keep BATCHES   the same, each batch into memory of its own
//
// A batch is 1 MiB of lines of 100 bytes. Whoever sends it makes it anew, as by a read of a file; whoever gets it looks at
// every cache line. Nothing else is done to it, so that the time is that of the way alone.
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"

	"github.com/mrctl/mrctl/internal/boundary"
)

// inPlace is the way whose batches are not copied at their end.
const inPlace = "down-in-place"

func main() {
	switch {
	case os.Getenv(boundary.Handshake.MagicCookieKey) != "":
		servePlugin()
		return
	case os.Getenv(socketEnv) != "":
		fail(receiveFromSocket(os.Getenv(socketEnv) == "true"))
		return
	}
	if len(os.Args) != 3 {
		fail(fmt.Errorf("usage: boundary down|down-in-place|up|socket|socket-keep BATCHES"))
	}
	batches, err := strconv.Atoi(os.Args[2])
	fail(err)
	var sum checksum
	switch way := os.Args[1]; way {
	case "socket":
		sum, err = overSocket(false, batches)
	case "socket-keep":
		sum, err = overSocket(true, batches)
	case "up":
		sum, err = fromPlugin(context.Background(), batches)
	default:
		sum, err = toPlugin(context.Background(), way, batches)
	}
	fail(err)
	fmt.Printf("%d batches of %d bytes\t%016x\n", batches, boundary.BatchSize, uint64(sum))
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "boundary:", err)
		os.Exit(1)
	}
}
