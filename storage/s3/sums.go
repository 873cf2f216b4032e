package s3

import (
	"crypto/md5" //nolint:gosec // what servers use for versions; nothing is protected by it
	"encoding/hex"
	"fmt"
	"hash"
	"io"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
)

// A server that keeps content and version apart can answer with the content of one write and the version of another
// when an object is replaced in the moment it is opened (versitygw 1.8.0 reads them one after the other). Versions are
// the MD5 of the content on most servers, unless they encrypt with keys of their own; where they are, a record that is
// read whole is held against its version. A client finds out with the first record it reads or writes.

// What versions are.
const (
	unknown int32 = iota
	sums          // the MD5 of the content
	others        // something else
)

// learn notes what a version is that is known to belong to body.
func (c *Client) learn(body []byte, etag string) {
	switch {
	case etag == sumOf(body):
		c.versions.Store(sums)
	case len(etag) == 2*md5.Size:
		c.versions.Store(others)
	}
}

func sumOf(body []byte) string {
	sum := md5.Sum(body) //nolint:gosec // as above
	return hex.EncodeToString(sum[:])
}

// mayBeSum says that a version is to be held against the content; those of uploads in parts, which end in "-N", are not.
func (c *Client) mayBeSum(etag string) bool {
	return c.versions.Load() != others && len(etag) == 2*md5.Size
}

// looks is how often a record is read that is not what its version says, while it is unknown what versions are. One that
// is replaced all the time is not read apart so often in a row: they are no sums.
const looks = 3

// errApart: content and version differ.
var errApart = errs.New(errs.Unavailable, "it was replaced while the server opened it: content and version differ")

// whole reads a record with read until content and version belong together, and learns from it.
func (c *Client) whole(read func() (body []byte, etag string, err error)) error {
	for look := 1; ; look++ {
		body, etag, err := read()
		switch {
		case err != nil:
			return err
		case !c.mayBeSum(etag):
			return nil
		case etag == sumOf(body):
			c.versions.CompareAndSwap(unknown, sums)
			return nil
		case look < looks:
		case c.versions.CompareAndSwap(unknown, others):
			return nil
		default:
			return errApart
		}
	}
}

// summed is a body that fails at its end if it is not the content its version names.
type summed struct {
	io.ReadCloser
	sum  hash.Hash
	want string
}

func newSummed(r io.ReadCloser, etag string) *summed {
	return &summed{r, md5.New(), etag} //nolint:gosec // as above
}

func (s *summed) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	s.sum.Write(p[:n])
	if err == io.EOF && hex.EncodeToString(s.sum.Sum(nil)) != s.want {
		err = fmt.Errorf("it was replaced while the server opened it: %w", storage.ErrPrecondition)
	}
	return n, err
}
