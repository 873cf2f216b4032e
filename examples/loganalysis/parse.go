package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// hit is one line of an access log.
type hit struct {
	At         time.Time
	Client     string
	Method     string
	Path       string // with its query
	Status     int64
	Bytes      int64
	Agent      string
	LatencyMS  float64
	HasLatency bool
}

var errBlank = errors.New("blank line")

// parse reads a line in whichever format it is in. A line with a NUL byte is none.
func parse(line string) (hit, error) {
	trimmed := strings.TrimSpace(line)
	switch {
	case trimmed == "":
		return hit{}, errBlank
	case strings.IndexByte(trimmed, 0) >= 0:
		return hit{}, errors.New("NUL byte in the line")
	case trimmed[0] == '{':
		return parseJSON(trimmed)
	}
	return parseCombined(trimmed)
}

const clfTime = "02/Jan/2006:15:04:05 -0700"

// parseCombined reads
//
//	host ident user [02/Jan/2006:15:04:05 -0700] "GET /path HTTP/1.1" 200 512 "referer" "agent" 0.123
//
// where what follows the size may be missing (the common format), and a number after the agent is the time taken, in
// seconds.
func parseCombined(line string) (h hit, err error) {
	client, rest, ok := strings.Cut(line, " ")
	open := strings.IndexByte(rest, '[')
	if !ok || open < 0 {
		return h, errors.New("no [time]: neither combined nor common format")
	}
	stamp, rest, ok := strings.Cut(rest[open+1:], "]")
	if !ok {
		return h, errors.New("no ] after the time")
	}
	if h.At, err = time.Parse(clfTime, stamp); err != nil {
		return h, fmt.Errorf("time: %w", err)
	}
	request, rest, err := quoted(rest)
	if err != nil {
		return h, fmt.Errorf("request: %w", err)
	}
	h.Client = client
	h.Method, h.Path = splitRequest(request)
	status, rest, _ := strings.Cut(strings.TrimLeft(rest, " "), " ")
	if h.Status, err = strconv.ParseInt(status, 10, 64); err != nil || h.Status < 100 || h.Status > 999 {
		return h, fmt.Errorf("status %q is no number of three digits", status)
	}
	size, rest, _ := strings.Cut(strings.TrimLeft(rest, " "), " ")
	if size != "-" {
		if h.Bytes, err = strconv.ParseInt(size, 10, 64); err != nil || h.Bytes < 0 {
			return h, fmt.Errorf("size %q is no number", size)
		}
	}
	if strings.TrimSpace(rest) == "" {
		return h, nil
	}
	if _, rest, err = quoted(rest); err != nil {
		return h, fmt.Errorf("referer: %w", err)
	}
	if h.Agent, rest, err = quoted(rest); err != nil {
		return h, fmt.Errorf("agent: %w", err)
	}
	if seconds, err := strconv.ParseFloat(strings.TrimSpace(rest), 64); err == nil && seconds >= 0 && seconds <= math.MaxInt64 {
		h.LatencyMS, h.HasLatency = 1000*seconds, true
	}
	return h, nil
}

// quoted takes a "quoted field" off the front; a backslash keeps the quote after it.
func quoted(s string) (field, rest string, err error) {
	s = strings.TrimLeft(s, " ")
	if s == "" || s[0] != '"' {
		return "", "", errors.New("no opening quote")
	}
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return s[1:i], s[i+1:], nil
		}
	}
	return "", "", errors.New("no closing quote")
}

// splitRequest parts "GET /path HTTP/1.1". What is not like that (servers log garbage as it came) is all path.
func splitRequest(request string) (method, path string) {
	method, rest, ok := strings.Cut(request, " ")
	if !ok {
		return "-", request
	}
	if i := strings.LastIndex(rest, " HTTP/"); i >= 0 {
		rest = rest[:i]
	}
	return method, rest
}

// column is the text of a dimension.
func (h hit) column(name string) string {
	switch name {
	case "hour":
		return h.At.UTC().Truncate(time.Hour).Format(time.RFC3339)
	case "day":
		return h.At.UTC().Format(time.DateOnly)
	case "route":
		return route(h.Path)
	case "path":
		path, _, _ := strings.Cut(h.Path, "?")
		return path
	case "status":
		return strconv.FormatInt(h.Status, 10)
	case "method":
		return h.Method
	case "client":
		return h.Client
	default:
		return h.Agent
	}
}
