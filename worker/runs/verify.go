package runs

import (
	"encoding/binary"
	"hash/crc32"
)

// Verifier checks the bytes of one section as they arrive, in pieces of any size, without keeping them. The zero value
// is not ready; see NewVerifier.
type Verifier struct {
	name string
	part uint32

	buf    [headSize + totalsSize + crcSize]byte // the head, then a seal's body, then the crc
	have   int                                   // bytes in buf
	h      head
	inBody bool
	left   int // bytes of body and crc to come
	crc    uint32

	number uint32
	rows   int64
	window int
	raw    int
	sealed bool
	seal   Totals

	many  bool   // sections may follow each other
	begun bool   // the first one has been met, where it is not known
	all   Totals // of those that have ended
}

// NewVerifier makes a verifier of the section of one partition; name is for errors.
func NewVerifier(name string, part int) *Verifier { return &Verifier{name: name, part: uint32(part)} }

// NewSpanVerifier makes a verifier of sections of an ordered run that follow each other.
func NewSpanVerifier(name string) *Verifier { return &Verifier{name: name, many: true} }

// Last is the section that was met last.
func (v *Verifier) Last() int { return int(v.part) }

// Write takes the next bytes. Its errors are Corrupt.
func (v *Verifier) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 {
		if v.sealed && v.many {
			v.part, v.number, v.rows, v.window, v.raw, v.sealed = v.part+1, 0, 0, 0, 0, false
		}
		if v.sealed {
			return 0, v.corrupt("bytes follow the seal")
		}
		if !v.inBody {
			k := copy(v.buf[v.have:headSize], b)
			v.have += k
			b = b[k:]
			if v.have < headSize {
				break
			}
			if err := v.head(); err != nil {
				return 0, err
			}
			continue
		}
		k := min(len(b), v.left)
		if body := v.left - crcSize; body > 0 {
			k = min(k, body)
			v.crc = crc32.Update(v.crc, castagnoli, b[:k])
			if v.h.kind == kindSeal {
				v.have += copy(v.buf[v.have:], b[:k])
			}
		} else {
			copy(v.buf[len(v.buf)-v.left:], b[:k])
		}
		v.left -= k
		b = b[k:]
		if v.left == 0 {
			if err := v.end(); err != nil {
				return 0, err
			}
		}
	}
	return n, nil
}

func (v *Verifier) head() (err error) {
	if v.h, err = parseHead(v.buf[:headSize]); err != nil {
		return v.corrupt(err.Error())
	}
	if v.many && !v.begun {
		v.begun, v.part = true, v.h.part
	}
	if v.h.part != v.part || v.h.number != v.number {
		return v.corrupt("blocks out of order")
	}
	v.crc = crc32.Checksum(v.buf[:headSize], castagnoli)
	v.inBody, v.left = true, int(v.h.stored)+crcSize
	return nil
}

func (v *Verifier) end() error {
	if v.crc != binary.LittleEndian.Uint32(v.buf[len(v.buf)-crcSize:]) {
		return v.corrupt("checksum differs")
	}
	v.inBody, v.have = false, 0
	if v.h.kind == kindSeal {
		v.sealed, v.seal = true, parseTotals(v.buf[headSize:])
		if v.seal.Rows != v.rows || v.seal.Window != v.window || v.seal.Raw != v.raw {
			return v.corrupt("seal does not fit its blocks")
		}
		v.all.add(v.seal)
		return nil
	}
	v.number++
	v.rows += int64(v.h.rows)
	v.window = max(v.window, headSize+int(v.h.stored)+crcSize)
	if Codec(v.h.codec) != None {
		v.raw = max(v.raw, int(v.h.raw))
	}
	return nil
}

// Close ends the section, or the last one, and gives what the seals say.
func (v *Verifier) Close() (Totals, error) {
	if !v.sealed {
		return Totals{}, v.corrupt("ends without its seal")
	}
	return v.all, nil
}

func (v *Verifier) corrupt(why string) error {
	return corrupt(v.name, int(v.part), int(v.number), "%s", why)
}
