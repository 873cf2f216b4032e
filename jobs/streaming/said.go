package streaming

import (
	"bufio"
	"bytes"
	"io"
	"strconv"
	"strings"
	"sync"
	"unsafe"
)

// said reads the standard error of a command. Lines that report to us count or are a status; all others are the command's
// words, for the log of its attempt.
//
//	reporter:counter:GROUP,NAME,N    as in Hadoop: adds N to the counter GROUP.NAME
//	reporter:counter:NAME,N          adds N to the counter NAME
//	reporter:status:TEXT             goes to the log
type said struct {
	log  io.Writer
	mark string

	mu       sync.Mutex
	counters map[string]int64 // guarded by mu
	tail     []byte           // guarded by mu; the last of the words
}

const (
	longestWord = 16 << 10 // bytes of a line of standard error; what is longer is cut into several
	tailBytes   = 2 << 10
	mostNames   = 1000 // counters of a command
)

// read reads until the end.
func (s *said) read(r io.Reader) {
	lines := bufio.NewReaderSize(r, longestWord)
	for {
		line, err := lines.ReadSlice('\n')
		if len(line) > 0 {
			s.line(bytes.TrimRight(line, "\r\n"))
		}
		if err != nil && err != bufio.ErrBufferFull {
			return
		}
	}
}

func (s *said) line(line []byte) {
	if rest, ok := strings.CutPrefix(string(line), "reporter:counter:"); ok && s.count(rest) {
		return
	}
	s.mu.Lock()
	s.tail = append(append(s.tail, line...), '\n')
	if n := len(s.tail) - tailBytes; n > 0 {
		s.tail = append(s.tail[:0], s.tail[n:]...)
	}
	s.mu.Unlock()
	// One call a line, so that lines of attempts side by side do not mix. The log has no place for an error.
	_, _ = s.log.Write(append(append([]byte(s.mark), line...), '\n'))
}

// count adds to a counter; false: the line does not say which, or how much.
func (s *said) count(text string) bool {
	i := strings.LastIndexByte(text, ',')
	if i < 0 {
		return false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(text[i+1:]), 10, 64)
	name := strings.Replace(text[:i], ",", ".", 1)
	if err != nil || name == "" || len(name) > 200 {
		return false
	}
	name = strings.ToValidUTF8(name, "\uFFFD")
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.counters == nil {
		s.counters = map[string]int64{}
	}
	if _, known := s.counters[name]; !known && len(s.counters) == mostNames {
		return false
	}
	s.counters[name] += n
	return true
}

// last is the end of what was said.
func (s *said) last() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.ToValidUTF8(strings.TrimRight(string(s.tail), "\n"), "\uFFFD")
}

// addTo adds what was counted to what an attempt has counted.
func (s *said) addTo(user map[string]int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, n := range s.counters {
		user[name] += n
	}
}

func textOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
