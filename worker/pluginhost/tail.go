package pluginhost

import (
	"bytes"
	"io"
	"os"
	"sync"
)

const (
	tailSize = 64 << 10 // how much of a plugin's last words is kept at hand, in bytes
	logSize  = 8 << 20  // how much of its first words is kept in its file
)

// tail keeps the last bytes written to it, and the first ones in a file. A plugin that writes without end costs no more
// than that.
type tail struct {
	mu   sync.Mutex
	buf  []byte    // guarded by mu
	all  int64     // guarded by mu; bytes written so far
	file *os.File  // guarded by mu; nil: none, or full
	left int       // guarded by mu; bytes that may still go to the file
	also io.Writer // gets all of it; nil: nobody does. Written to under mu
}

// logTo makes the file.
func (t *tail) logTo(name string) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.file, t.left = f, logSize
	return err
}

// Write keeps what it can of b and never fails.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all += int64(len(b))
	if t.also != nil {
		_, _ = t.also.Write(b) // words that nobody can read are not worth an attempt
	}
	t.buf = append(t.buf, b[max(0, len(b)-tailSize):]...)
	if len(t.buf) > 2*tailSize {
		t.buf = append(t.buf[:0], t.buf[len(t.buf)-tailSize:]...)
	}
	if t.file != nil {
		some := b[:min(len(b), t.left)]
		t.left -= len(some)
		if _, err := t.file.Write(some); err != nil || t.left == 0 {
			t.endFile() // a log that cannot be written is not worth an attempt
		}
	}
	return len(b), nil
}

// endFile closes the file. The caller holds mu.
func (t *tail) endFile() {
	if t.file != nil {
		_ = t.file.Close() // as in Write
		t.file = nil
	}
}

func (t *tail) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.endFile()
}

func (t *tail) bytes() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return bytes.Clone(t.buf[max(0, len(t.buf)-tailSize):])
}

// last gives at most n bytes, from the start of a line where there is one: from where a Go program began to die, if
// that is there, else the end.
func (t *tail) last(n int) string {
	b := t.bytes()
	for _, begin := range []string{"\npanic: ", "\nfatal error: ", "\nSIG"} {
		if i := bytes.LastIndex(append([]byte("\n"), b...), []byte(begin)); i >= 0 {
			b = b[i:]
			return string(bytes.TrimSpace(b[:min(len(b), n)]))
		}
	}
	if cut := len(b) - n; cut > 0 {
		b = b[cut:]
		if i := bytes.IndexByte(b, '\n'); i >= 0 {
			b = b[i+1:]
		}
	}
	return string(bytes.TrimSpace(b))
}

// said is how many bytes were written so far.
func (t *tail) said() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.all
}

// since gives what was written after the first n bytes, as far as it is still here.
func (t *tail) since(n int64) []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := min(t.all-n, int64(len(t.buf)), tailSize)
	return bytes.Clone(t.buf[int64(len(t.buf))-k:])
}
