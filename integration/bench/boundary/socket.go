package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"

	"github.com/mrctl/mrctl/internal/boundary"
)

// socketEnv says that this process is the receiving end, and whether each batch gets memory of its own, as ours for
// strings does; its socket is descriptor 3.
const socketEnv = "BOUNDARY_SOCKET"

// overSocket sends batches to another process of this program.
func overSocket(keep bool, batches int) (sum checksum, err error) {
	ends, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	ours, theirs := os.NewFile(uintptr(ends[0]), "ours"), os.NewFile(uintptr(ends[1]), "theirs")
	defer func() { _ = ours.Close() }()
	c, err := net.FileConn(ours)
	if err != nil {
		return 0, err
	}
	defer func() { _ = c.Close() }()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), socketEnv+"="+strconv.FormatBool(keep))
	child.ExtraFiles = []*os.File{theirs}
	child.Stderr = os.Stderr
	err = child.Start()
	_ = theirs.Close() // the child has its own
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, child.Wait()) }()
	t := newTemplate()
	made := make([]byte, len(t.data))
	for n := range batches {
		parts := net.Buffers{binary.LittleEndian.AppendUint64(nil, uint64(len(made))), t.fill(made, n)}
		if _, err := parts.WriteTo(c); err != nil {
			return 0, err
		}
	}
	if _, err := c.Write(make([]byte, 8)); err != nil { // no batch is empty: the end
		return 0, err
	}
	var answer [8]byte
	_, err = io.ReadFull(c, answer[:])
	return checksum(binary.LittleEndian.Uint64(answer[:])), err
}

func receiveFromSocket(keep bool) error {
	defer runtime.KeepAlive(make([]byte, heap))
	c, err := net.FileConn(os.NewFile(3, "socket"))
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	var sum checksum
	var head [8]byte
	buf := make([]byte, boundary.BatchSize)
	for {
		if _, err := io.ReadFull(c, head[:]); err != nil {
			return err
		}
		n := binary.LittleEndian.Uint64(head[:])
		if n == 0 {
			_, err := c.Write(binary.LittleEndian.AppendUint64(nil, uint64(sum)))
			return err
		}
		if n > uint64(len(buf)) {
			return fmt.Errorf("a batch of %d bytes", n)
		}
		if keep {
			buf = make([]byte, boundary.BatchSize)
		}
		if _, err := io.ReadFull(c, buf[:n]); err != nil {
			return err
		}
		sum.add(buf[:n])
	}
}
