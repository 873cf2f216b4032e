package s3

import (
	"context"
	"errors"
	"net"
	"net/http"
)

// fresh has the next try make a connection of its own when one brought no answer in time. Connections that are kept for later share
// that one's fate where packets vanish without a word, as when a router forgets them or an address moves to another machine:
// a request and its tries would go through them one by one, each until its time is up.
type fresh struct{ *http.Transport }

// RoundTrip drops what is kept after a request that was not answered. Requests under way on other connections go on.
func (f fresh) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := f.Transport.RoundTrip(r)
	if err != nil && unanswered(r.Context(), err) {
		f.CloseIdleConnections()
	}
	return resp, err
}

func unanswered(ctx context.Context, err error) bool {
	var timeout net.Error
	return context.Cause(ctx) == errSlow || errors.As(err, &timeout) && timeout.Timeout()
}
