package main

import (
	"context"
	"errors"
	"io"
	"net"
	"os"

	"golang.org/x/sync/errgroup"

	"github.com/mrctl/mrctl/integration/bench/refs/netcopy"
)

// serveStream sends all sections over a connection each time that a byte comes.
func serveStream(ctx context.Context, dir, kind string, ready func(addr, secret string)) error {
	all, _, err := sections(dir)
	if err != nil {
		return err
	}
	l, addr, secret, err := netcopy.Listen(ctx, kind, dir)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		<-ctx.Done()
		return l.Close()
	})
	ready(addr, secret)
	c, err := l.Accept()
	if err != nil {
		return errors.Join(err, g.Wait())
	}
	g.Go(func() error {
		buf := make([]byte, netcopy.Chunk)
		for {
			if _, err := c.Read(buf[:1]); errors.Is(err, io.EOF) {
				return c.Close()
			} else if err != nil {
				return err
			}
			for _, s := range all {
				if err := sendFile(c, s.Path, s.Off, s.Len, buf); err != nil {
					return err
				}
			}
		}
	})
	return g.Wait()
}

// sendFile is as plain as can be: read, write. On files in memory sendfile(2) is no faster, and TLS cannot have it.
func sendFile(c net.Conn, path string, off, n int64, buf []byte) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // only read
	for at := int64(0); at < n; {
		k, err := f.ReadAt(buf[:min(int64(len(buf)), n-at)], off+at)
		if err != nil {
			return err
		}
		if _, err := c.Write(buf[:k]); err != nil {
			return err
		}
		at += int64(k)
	}
	return nil
}

// stream is the reader's end.
type stream struct {
	c     net.Conn
	total int64
	sum   uint64 // shows that the bytes were looked at
}

func openStream(ctx context.Context, dir, kind, addr, secret string) (reader, error) {
	_, total, err := sections(dir)
	if err != nil {
		return nil, err
	}
	c, err := netcopy.Dial(ctx, kind, addr, secret)
	return &stream{c: c, total: total}, err
}

func (s *stream) move(_ context.Context, take func([]byte)) (int64, error) {
	if _, err := s.c.Write([]byte{1}); err != nil {
		return 0, err
	}
	buf := make([]byte, netcopy.Chunk)
	for got := int64(0); got < s.total; {
		n, err := s.c.Read(buf)
		if err != nil {
			return got, err
		}
		if take != nil {
			take(buf[:n])
		}
		for i := 0; i < n; i += 64 {
			s.sum += uint64(buf[i])
		}
		got += int64(n)
	}
	return s.total, nil
}

func (s *stream) Close() error { return s.c.Close() }
