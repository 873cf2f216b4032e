package locate

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/mrctl/mrctl/internal/errs"
)

// parsed is a URI in its parts. Of a local one the bucket is empty and the key is the path as it was written.
type parsed struct {
	bucket, key string
}

var (
	schemeName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*$`)
	bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
)

// IsLocal says whether uri is a path on this machine: one without a scheme, or file://.
func IsLocal(uri string) bool {
	name, _ := scheme(uri)
	return name == "" || name == "file"
}

// scheme cuts the scheme off a URI; "" of a path, which most are: jobs have a million inputs.
func scheme(uri string) (name, rest string) {
	name, rest, ok := strings.Cut(uri, "://")
	if !ok || !schemeName.MatchString(name) {
		return "", uri
	}
	return name, rest
}

// Object gives the URI of a key in the source that uri lies in.
func Object(uri, key string) string {
	if rest, ok := strings.CutPrefix(uri, "s3://"); ok {
		bucket, _, _ := strings.Cut(rest, "/")
		return "s3://" + bucket + "/" + key
	}
	return "/" + key
}

func parse(uri string) (parsed, error) {
	bad := func(why string) (parsed, error) {
		return parsed{}, errs.New(errs.Invalid, "%q %s", uri, why)
	}
	if uri == "" {
		return bad("names nothing")
	}
	if strings.ContainsRune(uri, 0) {
		return bad("contains a zero byte")
	}
	name, rest := scheme(uri)
	switch name {
	case "":
		return parsed{key: uri}, nil
	case "file":
		if !strings.HasPrefix(rest, "/") {
			return bad("names a host: file:// takes an absolute path, file:///...")
		}
		return parsed{key: rest}, nil
	case "s3":
		bucket, key, _ := strings.Cut(rest, "/")
		if !bucketName.MatchString(bucket) {
			return bad("names no bucket: want s3://bucket/key, with 3 to 63 of a-z, 0-9, dot and dash for the bucket")
		}
		if !utf8.ValidString(key) {
			return bad("is not UTF-8, as keys of S3 are")
		}
		return parsed{bucket: bucket, key: key}, nil
	case "s3a", "s3n":
		return bad("is spelled s3:// here")
	}
	return bad("has a scheme that is not known: use a path or s3://bucket/key")
}
