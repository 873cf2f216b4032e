package pluginhost

import (
	"bytes"
	"sync"
)

// tailSize is how much of a plugin's words is kept, in bytes.
const tailSize = 64 << 10

// tail keeps the last bytes written to it. A plugin that writes without end costs no more than that.
type tail struct {
	mu  sync.Mutex
	buf []byte // guarded by mu
}

// Write keeps the end of b and never fails.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, b[max(0, len(b)-tailSize):]...)
	if len(t.buf) > 2*tailSize {
		t.buf = append(t.buf[:0], t.buf[len(t.buf)-tailSize:]...)
	}
	return len(b), nil
}

func (t *tail) bytes() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return bytes.Clone(t.buf[max(0, len(t.buf)-tailSize):])
}

// last gives at most n bytes, from the start of a line where there is one.
func (t *tail) last(n int) string {
	b := t.bytes()
	if cut := len(b) - n; cut > 0 {
		b = b[cut:]
		if i := bytes.IndexByte(b, '\n'); i >= 0 {
			b = b[i+1:]
		}
	}
	return string(bytes.TrimSpace(b))
}
