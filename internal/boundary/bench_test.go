package boundary

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
)

// The benchmarks move batches of 1 MiB of lines of 100 bytes from one side to the other: made by a copy, as by a read,
// and looked at once in each cache line. "socket" is a bare Unix socket that does the same with length and bytes. The heap has
// the 16 MiB that a plugin gives it.

var sink byte

func touch(b []byte) {
	x := byte(0)
	for i := 0; i < len(b); i += 64 {
		x ^= b[i]
	}
	sink = x
}

// lines is a batch to copy from.
func lines() (data []byte, off []int32) {
	data = make([]byte, BatchSize)
	for i := range data {
		data[i] = byte(i)
	}
	for at := 0; at <= len(data); at += 100 {
		off = append(off, int32(at))
	}
	return data, append(off, BatchSize)
}

func BenchmarkDown(b *testing.B) {
	defer runtime.KeepAlive(make([]byte, 16<<20))
	data, off := lines()
	take := func(port MapPort) (*pluginv1.Counters, error) {
		for {
			in, err := port.Recv()
			if errors.Is(err, io.EOF) {
				return nil, nil
			}
			if err != nil {
				return nil, err
			}
			touch(in.Data)
		}
	}
	for _, c := range carriers[:2] {
		b.Run(c.name, func(b *testing.B) {
			s := start(b, fake{mapf: take}.serve(b, c))
			ended := make(chan error, 1)
			go func() { _, err := s.Recv(); ended <- err }()
			b.SetBytes(BatchSize)
			for b.Loop() {
				to := s.Buffer(len(data))
				to.Data, to.Off = append(to.Data, data...), append(to.Off, off...)
				if err := s.Send(b.Context(), to); err != nil {
					b.Fatal(err)
				}
			}
			if err := s.CloseSend(); err != nil {
				b.Fatal(err)
			}
			if err := <-ended; err != io.EOF {
				b.Fatal(err)
			}
		})
	}
	b.Run("socket", func(b *testing.B) { overSocket(b, data, false) })
	b.Run("socket kept", func(b *testing.B) { overSocket(b, data, true) })
}

func BenchmarkUp(b *testing.B) {
	defer runtime.KeepAlive(make([]byte, 16<<20))
	data, off := lines()
	vals := make([]int32, len(off))
	for _, c := range carriers[:2] {
		b.Run(c.name, func(b *testing.B) {
			n := make(chan int, 1)
			give := func(port MapPort) (*pluginv1.Counters, error) {
				if _, err := port.Recv(); err != io.EOF {
					return nil, err
				}
				p := &Pairs{}
				for range <-n {
					p.Keys = append(p.Keys, data...)
					p.KeyOff, p.ValOff = append(p.KeyOff, off...), append(p.ValOff, vals...)
					if err := port.Send(p); err != nil {
						return nil, err
					}
				}
				return nil, nil
			}
			s := start(b, fake{mapf: give}.serve(b, c))
			if err := s.CloseSend(); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(BatchSize)
			b.ResetTimer()
			n <- b.N
			for range b.N {
				p, err := s.Recv()
				if err != nil {
					b.Fatal(err)
				}
				touch(p.Keys)
			}
			b.StopTimer()
			if _, err := s.Recv(); err != io.EOF {
				b.Fatal(err)
			}
		})
	}
	b.Run("socket", func(b *testing.B) { overSocket(b, data, false) })
}

// overSocket reads into the same memory again and again, or, when strings are to point into it for ever, into new memory.
func overSocket(b *testing.B, data []byte, keep bool) {
	dir, err := os.MkdirTemp("", "mrb-")
	if err != nil {
		b.Fatal(err)
	}
	defer os.RemoveAll(dir)
	lis, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		b.Fatal(err)
	}
	defer lis.Close()
	got := make(chan error, 1)
	go func() {
		got <- func() error {
			c, err := lis.Accept()
			if err != nil {
				return err
			}
			defer c.Close()
			buf := make([]byte, BatchSize)
			for {
				if keep {
					buf = make([]byte, BatchSize)
				}
				var head [8]byte
				if _, err := io.ReadFull(c, head[:]); err != nil {
					return err
				}
				if _, err := io.ReadFull(c, buf[:binary.LittleEndian.Uint64(head[:])]); err != nil {
					return err
				}
				touch(buf)
			}
		}()
	}()
	c, err := net.Dial("unix", lis.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(BatchSize)
	made := make([]byte, 0, BatchSize)
	for b.Loop() {
		made = append(made[:0], data...)
		parts := net.Buffers{binary.LittleEndian.AppendUint64(nil, BatchSize), made}
		if _, err := parts.WriteTo(c); err != nil {
			b.Fatal(err)
		}
	}
	if err := c.Close(); err != nil {
		b.Fatal(err)
	}
	if err := <-got; !errors.Is(err, io.EOF) {
		b.Fatal(err)
	}
}
