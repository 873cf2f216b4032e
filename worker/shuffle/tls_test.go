package shuffle

import (
	"math/rand/v2"
	"testing"

	"google.golang.org/grpc"

	"github.com/mrctl/mrctl/internal/mtls"
	"github.com/mrctl/mrctl/internal/mtls/mtlstest"
)

func TestOverTLS(t *testing.T) {
	ours := mtlstest.New(t)
	w := start(t, "a", rand.New(rand.NewPCG(9, 9)), []uint32{0, 1, 2}, 2, 300_000)
	w.serve(t, grpc.Creds(ours.Load("server").Server()))
	for name, c := range map[string]struct {
		creds *mtls.Credentials
		good  bool
	}{"member": {ours.Load("client"), true}, "stranger": {mtlstest.New(t).Load("client"), false}, "plain": {nil, false}} {
		q := request(t, 1, 1<<30, w)
		got, err := clientWith(t, c.creds.Client(), nil, Config{Tries: 2}).Fetch(t.Context(), q)
		if !c.good {
			if gone := missing(t, err); len(gone) != 3 {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		same(t, got, q, w)
	}
}
