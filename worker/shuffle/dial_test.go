package shuffle

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
)

// mute is a connection on which what is sent vanishes once it is shut.
type mute struct {
	net.Conn
	shut <-chan struct{}
}

func (m mute) Write(b []byte) (int, error) {
	select {
	case <-m.shut:
		return len(b), nil
	default:
		return m.Conn.Write(b)
	}
}

// Close is not heard of either: the machine is gone.
func (m mute) Close() error {
	select {
	case <-m.shut:
		return nil
	default:
		return m.Conn.Close()
	}
}

// TestAVanishedReaderIsForgotten: a reader whose machine is gone, when nothing is on its way to it.
func TestAVanishedReaderIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, ended, shut := make(chan time.Time, 1), make(chan time.Time, 1), make(chan struct{})
		l := bufconn.Listen(1 << 20)
		s := grpc.NewServer(append(ServerOptions(), grpc.WaitForHandlers(true), grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
			began <- time.Now()
			<-stream.Context().Done()
			ended <- time.Now()
			return nil
		}))...)
		served := make(chan error)
		go func() { served <- s.Serve(l) }()
		conn, err := grpc.NewClient("passthrough:reader", append(DialOptions(), grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
				c, err := l.DialContext(ctx)
				return mute{c, shut}, err
			}))...)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true}, "/any/stream"); err != nil {
			t.Fatal(err)
		}
		since := <-began
		close(shut)
		select {
		case at := <-ended:
			if took := at.Sub(since); took > 30*time.Second {
				t.Errorf("it was noticed after %v", took)
			}
		case <-time.After(time.Hour):
			t.Error("its stream is kept for an hour")
		}
		conn.Close()
		s.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
}
