package s3

import (
	"fmt"
	"net/http"
	"time"
)

// skewed is the code with which servers refuse a signature that is too old, or not valid yet. It is over when the clock
// is right again, and nothing is wrong with the credentials.
const skewed = "RequestTimeTooSkewed"

// maxSkew is how far the times of a signature and of the server may be apart by the protocol.
const maxSkew = 15 * time.Minute

// clockCheck says of a refusal for which the clock is to blame that it is. Not every server does, and none has room for it
// in the answer to a HEAD; but each says what time it has.
type clockCheck struct{ http.RoundTripper }

// RoundTrip adds the headers by which the client library takes code and message of an error.
func (c clockCheck) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := c.RoundTripper.RoundTrip(r)
	if err != nil || resp.StatusCode != http.StatusForbidden {
		return resp, err
	}
	theirs, dateErr := http.ParseTime(resp.Header.Get("Date"))
	signed, signErr := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if dateErr != nil || signErr != nil {
		return resp, nil
	}
	if off := signed.Sub(theirs); off.Abs() > maxSkew {
		way := "ahead of"
		if off < 0 {
			way = "behind"
		}
		resp.Header.Set("X-Minio-Error-Code", skewed)
		resp.Header.Set("X-Minio-Error-Desc", fmt.Sprintf("this machine's clock is %v %s the server's", off.Abs().Round(time.Second), way))
	}
	return resp, nil
}
