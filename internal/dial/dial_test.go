package dial_test

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/mrctl/mrctl/internal/dial"
)

// deaf is a connection on which, once it is shut, what is sent vanishes.
type deaf struct {
	net.Conn
	shut <-chan struct{}
}

func (d deaf) Write(b []byte) (int, error) {
	select {
	case <-d.shut:
		return len(b), nil
	default:
		return d.Conn.Write(b)
	}
}

// TestSilenceIsNoticed: a stream that only listens, as that of `mrctl watch`, to a server that nothing comes from or goes to any
// more.
func TestSilenceIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, s, shut := bufconn.Listen(1<<20), grpc.NewServer(grpc.WaitForHandlers(true)), make(chan struct{})
		healthv1.RegisterHealthServer(s, health.NewServer())
		served := make(chan error)
		go func() { served <- s.Serve(l) }()
		conn, err := dial.Coordinator("nowhere:1", insecure.NewCredentials(), 1<<20, grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			c, err := l.DialContext(ctx)
			return deaf{c, shut}, err
		}))
		if err != nil {
			t.Fatal(err)
		}
		stream, err := healthv1.NewHealthClient(conn).Watch(t.Context(), &healthv1.HealthCheckRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); err != nil {
			t.Fatal(err)
		}
		close(shut)
		began, noticed := time.Now(), make(chan error, 1)
		go func() {
			_, err := stream.Recv()
			noticed <- err
		}()
		select {
		case err := <-noticed:
			if took := time.Since(began); took > dial.Time+dial.Patience || status.Code(err) != codes.Unavailable {
				t.Errorf("after %v: %v", took, err)
			}
		case <-time.After(time.Hour):
			t.Error("nothing was noticed within an hour")
		}
		conn.Close()
		s.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
}

// TestNobodyThere: an address from which nothing comes back.
func TestNobodyThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, err := dial.Coordinator("nowhere:1", insecure.NewCredentials(), 1<<20, grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}))
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_, err = healthv1.NewHealthClient(conn).Check(t.Context(), &healthv1.HealthCheckRequest{})
		if took := time.Since(began); took > dial.Connect || status.Code(err) != codes.Unavailable {
			t.Errorf("after %v: %v", took, err)
		}
		conn.Close()
	})
}
