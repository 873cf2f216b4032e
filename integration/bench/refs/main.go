// Command refs holds the programs that the benchmark compares with: what a careful programmer would write for one job on
// one machine, with no framework. See the packages below for what each does and what makes it fast.
//
//	refs wc naive|fast|threads FILE        lines "word<TAB>count"
//	refs logs naive|fast FILE              lines "status<TAB>path<TAB>hits<TAB>bytes"
//	refs groups FILE                       lines "key<TAB>rows<TAB>bytes" of rows "key value"
//	refs sort IN OUT                       100-byte records by their first 10 bytes
//	refs copy tcp|tls|unix BYTES           bytes from one process to another, seconds and MB/s
//
// wc fast and logs fast are meant to run with GOMAXPROCS=1.
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "refs:", err)
		os.Exit(1)
	}
}
