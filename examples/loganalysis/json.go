package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// names are what the fields of JSON logs are called by common servers and loggers, the first that is there counts.
var names = struct{ time, client, method, path, request, status, bytes, agent, seconds, millis []string }{
	time:    []string{"time", "timestamp", "@timestamp", "ts", "time_iso8601", "date"},
	client:  []string{"client", "client_ip", "remote_addr", "remote_ip", "ip", "host"},
	method:  []string{"method", "request_method", "verb"},
	path:    []string{"path", "uri", "url", "request_uri", "request_path"},
	request: []string{"request"},
	status:  []string{"status", "status_code", "code", "response"},
	bytes:   []string{"bytes", "body_bytes_sent", "bytes_sent", "size", "response_size"},
	agent:   []string{"agent", "user_agent", "http_user_agent", "userAgent"},
	seconds: []string{"latency", "request_time", "duration", "response_time", "upstream_response_time"},
	millis:  []string{"latency_ms", "duration_ms", "request_time_ms", "response_time_ms", "elapsed_ms"},
}

// parseJSON reads a line that is a JSON object.
func parseJSON(line string) (h hit, err error) {
	var fields map[string]any
	if err := json.Unmarshal([]byte(line), &fields); err != nil {
		return h, err
	}
	if h.At, err = moment(first(fields, names.time)); err != nil {
		return h, err
	}
	status, ok := number(first(fields, names.status))
	if h.Status = int64(status); !ok || status < 100 || status > 999 {
		return h, errors.New("no status of three digits")
	}
	h.Client, h.Agent = text(first(fields, names.client)), text(first(fields, names.agent))
	h.Method, h.Path = text(first(fields, names.method)), text(first(fields, names.path))
	if request := text(first(fields, names.request)); h.Path == "" && request != "" {
		h.Method, h.Path = splitRequest(request)
	}
	if n, ok := number(first(fields, names.bytes)); ok && n >= 0 && n < math.MaxInt64 {
		h.Bytes = int64(n)
	}
	if ms, ok := number(first(fields, names.millis)); ok && ms >= 0 {
		h.LatencyMS, h.HasLatency = ms, true
	} else if s, ok := number(first(fields, names.seconds)); ok && s >= 0 {
		h.LatencyMS, h.HasLatency = 1000*s, true
	}
	for _, s := range []string{h.Client, h.Agent, h.Method, h.Path} {
		if strings.Contains(s, separator) {
			return h, errors.New("NUL byte in a field")
		}
	}
	return h, nil
}

func first(fields map[string]any, names []string) any {
	for _, n := range names {
		if v, ok := fields[n]; ok && v != nil {
			return v
		}
	}
	return nil
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

// number reads a number, or a string that holds one, as some servers write them.
func number(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case string:
		n := json.Number(v)
		f, err := n.Float64()
		return f, err == nil && !math.IsNaN(f) && !math.IsInf(f, 0)
	}
	return 0, false
}

// moment reads a time: RFC 3339, the format of combined logs, or seconds since 1970.
func moment(v any) (time.Time, error) {
	if s, ok := v.(string); ok {
		for _, layout := range []string{time.RFC3339Nano, clfTime, time.DateTime} {
			if t, err := time.Parse(layout, s); err == nil {
				return t, nil
			}
		}
	}
	if s, ok := number(v); ok && s > 0 && s < 1e11 {
		return time.Unix(0, int64(s*1e9)).UTC(), nil
	}
	if v == nil {
		return time.Time{}, errors.New("no time")
	}
	return time.Time{}, fmt.Errorf("time %v cannot be read", v)
}
