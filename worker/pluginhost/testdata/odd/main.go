// Command odd is a plugin that does what a test tells it to.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/mrctl/mrctl/jobs"
)

var how = flag.String("how", "", "what it does before it serves")

func main() {
	flag.Parse()
	switch *how {
	case "tell":
		cwd, _ := os.Getwd()
		in, err := io.ReadAll(os.Stdin)
		fmt.Fprintf(os.Stderr, "cwd=%s\nstdin=%d %v\n", cwd, len(in), err)
		for _, kv := range os.Environ() {
			fmt.Fprintln(os.Stderr, "env="+kv)
		}
	case "exit":
		fmt.Fprintln(os.Stderr, "these are my last words")
		os.Exit(3)
	case "never":
		time.Sleep(time.Hour)
	case "garbage":
		fmt.Println("hello, world")
		time.Sleep(time.Hour)
	case "flood":
		for range 4000 {
			fmt.Fprintln(os.Stderr, strings.Repeat("x", 99))
		}
		fmt.Fprintln(os.Stderr, "the end")
	case "deaf":
		os.Unsetenv("MRCTL_PARENT_FD") // it will not notice that it is to end
	case "child", "daemon":
		c := exec.Command(os.Args[0], "-how", "never")
		c.Stdout, c.Stderr = os.Stdout, os.Stderr
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: *how == "daemon"}
		if err := c.Start(); err != nil {
			panic(err)
		}
		fmt.Fprintf(os.Stderr, "child=%d\n", c.Process.Pid)
	}
	jobs.Main(jobs.Job[string, string, int64, jobs.Pair[string, int64]]{Name: "odd", Map: serve, Combine: jobs.Sum[int64]()})
}

func serve(ctx context.Context, line string, emit func(string, int64)) error {
	switch line {
	case "pid":
		emit(fmt.Sprint(os.Getpid()), 1)
	case "exit":
		// Past os.Stderr, which go-plugin sends through the connection: it would go down with the process.
		_, _ = syscall.Write(2, []byte("these are my last words\n"))
		os.Exit(7)
	case "kill":
		return syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "hang":
		<-ctx.Done()
	default:
		emit(line, 1)
	}
	return nil
}
