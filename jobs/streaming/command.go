package streaming

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/mrctl/mrctl/internal/boundary"
)

// command is a running command with its three pipes, each served by a goroutine of its own. stop must be called.
type command struct {
	what string // "map", "combine" or "reduce"
	line string
	ok   []int // exit codes that are no failure

	in     chan []byte   // what it is to read; closed when that is all. What is sent is not changed again
	out    chan []byte   // whole units that it wrote; closed at the end of its output
	exited chan struct{} // closed when it has ended, and what it started with it
	heard  chan struct{} // closed when its standard error has been read to the end
	said   *said

	cmd, guard *exec.Cmd
	leash      *os.File // the guard's life hangs on it
	stdin      *os.File
	stdout     *os.File
	stderr     *os.File
	given      chan struct{} // closed by stop
	work       sync.WaitGroup
	once       sync.Once
	cutErr     error // of the output; set before out is closed
	waitErr    error // set before exited is closed

	mu   sync.Mutex
	gone bool // guarded by mu; the group is no more, or will not be for long
}

// setup is what a command is started with.
type setup struct {
	what, line string
	ok         []int
	dir        string // to stand in
	env        []string
	frames     framing // of what it writes
	log        io.Writer
	mark       string // begins each line in log
	room       int    // bytes of output to gather at a time
}

// guardScript leads the process group of a command: while it lives the group's number is no other's, and when this
// process is gone, however it went, it reads the end of its pipe and kills the group, itself included.
const guardScript = "read -r _; kill -s KILL 0"

const shell = "/bin/sh"

// start starts a command.
func start(s setup) (_ *command, err error) {
	c := &command{what: s.what, line: s.line, ok: s.ok, in: make(chan []byte), out: make(chan []byte, 1), exited: make(chan struct{}),
		heard: make(chan struct{}), given: make(chan struct{}), said: &said{log: s.log, mark: s.mark}}
	var theirs []*os.File
	defer func() {
		closeAll(theirs...)
		if err != nil {
			closeAll(c.leash, c.stdin, c.stdout, c.stderr)
			err = fmt.Errorf("start the %s command: %w", s.what, err)
		}
	}()
	pipe := func() (r, w *os.File) {
		if err == nil {
			r, w, err = os.Pipe()
		}
		return r, w
	}
	leash, leashEnd := pipe()
	stdin, stdinEnd := pipe()
	stdoutEnd, stdout := pipe()
	stderrEnd, stderr := pipe()
	theirs = []*os.File{leash, stdin, stdout, stderr}
	c.leash, c.stdin, c.stdout, c.stderr = leashEnd, stdinEnd, stdoutEnd, stderrEnd
	if err != nil {
		return nil, err
	}
	c.guard = exec.Command(shell, "-c", guardScript)
	c.guard.Stdin, c.guard.Env, c.guard.Dir = leash, []string{}, "/"
	c.guard.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.guard.Start(); err != nil {
		return nil, err
	}
	c.cmd = exec.Command(shell, "-c", s.line)
	c.cmd.Dir, c.cmd.Env = s.dir, s.env
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = stdin, stdout, stderr
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pgid: c.guard.Process.Pid}
	if err := c.cmd.Start(); err != nil {
		c.kill()
		return nil, errors.Join(err, ignoreExit(c.guard.Wait()))
	}
	c.work.Go(c.write)
	c.work.Go(func() { c.read(s.frames, s.room) })
	c.work.Go(func() {
		defer close(c.heard)
		c.said.read(c.stderr)
	})
	go c.wait()
	return c, nil
}

func closeAll(files ...*os.File) {
	for _, f := range files {
		if f != nil {
			_ = f.Close() // a pipe
		}
	}
}

func ignoreExit(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil
	}
	return err
}

// kill kills the group, while the guard keeps its number from being another's.
func (c *command) kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.gone {
		_ = syscall.Kill(-c.guard.Process.Pid, syscall.SIGKILL)
	}
}

// wait waits for the end of the command, and ends what it has left running.
func (c *command) wait() {
	c.waitErr = c.cmd.Wait()
	c.kill()
	c.mu.Lock()
	c.gone = true
	c.mu.Unlock()
	_ = c.guard.Wait() // it was killed
	close(c.exited)
}

// stop ends the command, if it has not ended, and waits for all that belongs to it.
func (c *command) stop() {
	c.once.Do(func() {
		close(c.given)
		c.kill()
		<-c.exited
		closeAll(c.leash, c.stdin, c.stdout, c.stderr) // a process that has left the group may hold the other ends
		c.work.Wait()
	})
}

// write hands the command what it is to read. One that has closed its input gets no more, which is no failure: head does
// so.
func (c *command) write() {
	defer closeAll(c.stdin)
	closed := false
	for {
		select {
		case b, more := <-c.in:
			if !more {
				return
			}
			if !closed {
				_, err := c.stdin.Write(b)
				closed = err != nil
			}
		case <-c.given:
			return
		}
	}
}

// longestUnit bounds a line, or a frame, in bytes.
const longestUnit = 512 << 20

// read gathers what the command writes and hands over as many whole units as there are.
func (c *command) read(f framing, room int) {
	defer close(c.out)
	buf := make([]byte, 0, room)
	for {
		n, err := c.stdout.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err != nil {
			if buf, c.cutErr = f.last(buf); c.cutErr == nil && len(buf) > 0 {
				c.give(buf)
			}
			return
		}
		if len(buf) < cap(buf) {
			continue
		}
		whole := wholeUnits(f, buf)
		if whole == 0 {
			if len(buf) > longestUnit {
				c.cutErr = fmt.Errorf("it writes more than %d bytes with no end of a record", longestUnit)
				return
			}
			buf = slices.Grow(buf, len(buf))
			continue
		}
		next := append(make([]byte, 0, max(room, 2*(len(buf)-whole))), buf[whole:]...)
		if !c.give(buf[:whole]) {
			return
		}
		buf = next
	}
}

// give hands units over, unless the command is being stopped.
func (c *command) give(b []byte) bool {
	select {
	case c.out <- b:
		return true
	case <-c.given:
		return false
	}
}

// wholeUnits is how many bytes of b are whole units.
func wholeUnits(f framing, b []byte) int {
	if _, ok := f.(lines); ok {
		return strings.LastIndexByte(textOf(b), '\n') + 1
	}
	at := 0
	for {
		_, n := f.cut(b[at:])
		if n == 0 {
			return at
		}
		at += n
	}
}

// ending says whether the command ended well. It may be asked once exited, heard and out are closed.
func (c *command) ending() error {
	why := c.cutErr
	if s := c.cmd.ProcessState; why == nil && s != nil && !s.Success() {
		ws, _ := s.Sys().(syscall.WaitStatus)
		switch {
		case ws.Signaled():
			why = fmt.Errorf("it was ended by signal %d (%v)", int(ws.Signal()), ws.Signal())
		case !slices.Contains(c.ok, ws.ExitStatus()):
			why = fmt.Errorf("exit code %d%s", ws.ExitStatus(), hint(ws.ExitStatus()))
		}
	} else if why == nil {
		why = c.waitErr
	}
	if why == nil {
		return nil
	}
	text := fmt.Sprintf("%s command %q: %v", c.what, c.line, why)
	if words := c.said.last(); words != "" {
		text += "; the last of its standard error:\n" + words
	}
	return &boundary.Failure{Text: text}
}

// hint says what a shell means by some exit codes.
func hint(code int) string {
	switch {
	case code == 1:
		return " (of grep it means that no line matched: --ok-exit 1 takes it for no failure)"
	case code == 126:
		return " (the shell may not execute it)"
	case code == 127:
		return " (the shell does not find it)"
	case code > 128 && code <= 128+64:
		return fmt.Sprintf(" (a part of it was ended by signal %d)", code-128)
	}
	return ""
}
