package netspace

import "encoding/binary"

// What is read of IPv4 and TCP headers (RFC 791, RFC 9293): offsets, and flags of TCP.
const (
	protocolTCP = 6
	headerIP    = 20
	headerTCP   = 20

	flagSyn = 1 << 1
	flagRst = 1 << 2
	flagAck = 1 << 4
	flagFin = 1 << 0
)

type address [4]byte

// packet is an IPv4 packet as it comes from a device.
type packet []byte

// ok says that it is IPv4 with a header that is all there. Devices also say things of IPv6, which nobody here speaks.
func (p packet) ok() bool {
	return len(p) >= headerIP && p[0]>>4 == 4 && p.header() >= headerIP && len(p) >= p.header()
}

func (p packet) header() int      { return int(p[0]&15) * 4 }
func (p packet) source() address  { return address(p[12:16]) }
func (p packet) target() address  { return address(p[16:20]) }
func (p packet) segment() segment { return segment(p[p.header():]) }

// tcp says that it carries a whole header of TCP.
func (p packet) tcp() bool {
	const laterFragment = 0x1fff
	return p[9] == protocolTCP && binary.BigEndian.Uint16(p[6:])&laterFragment == 0 && len(p) >= p.header()+headerTCP
}

// segment is what a packet carries of TCP.
type segment []byte

func (s segment) sourcePort() uint16 { return binary.BigEndian.Uint16(s[0:]) }
func (s segment) targetPort() uint16 { return binary.BigEndian.Uint16(s[2:]) }
func (s segment) seq() uint32        { return binary.BigEndian.Uint32(s[4:]) }
func (s segment) ack() uint32        { return binary.BigEndian.Uint32(s[8:]) }
func (s segment) has(flag byte) bool { return s[13]&flag != 0 }

// length is how far the segment moves its sender's sequence on.
func (s segment) length() uint32 {
	n := uint32(max(0, len(s)-int(s[12]>>4)*4))
	if s.has(flagSyn) {
		n++
	}
	if s.has(flagFin) {
		n++
	}
	return n
}

// resets are the two packets that end the connection a segment belongs to: for its sender, as if its peer had sent it, and for
// its peer. Each carries the sequence number that the receiver waits for, since it would question any other (RFC 5961). A
// segment that resets is answered by none.
func (p packet) resets() (back, on packet) {
	s := p.segment()
	if s.has(flagRst) {
		return nil, nil
	}
	if s.has(flagAck) {
		back = reset(p.target(), p.source(), s.targetPort(), s.sourcePort(), s.ack(), 0, flagRst)
		on = reset(p.source(), p.target(), s.sourcePort(), s.targetPort(), s.seq(), s.ack(), flagRst|flagAck)
		return back, on
	}
	return reset(p.target(), p.source(), s.targetPort(), s.sourcePort(), 0, s.seq()+s.length(), flagRst|flagAck), nil
}

func reset(from, to address, fromPort, toPort uint16, seq, ack uint32, flags byte) packet {
	const timeToLive = 64
	p := make(packet, headerIP+headerTCP)
	p[0] = 4<<4 | headerIP/4
	binary.BigEndian.PutUint16(p[2:], uint16(len(p)))
	p[8], p[9] = timeToLive, protocolTCP
	copy(p[12:], from[:])
	copy(p[16:], to[:])
	binary.BigEndian.PutUint16(p[10:], checksum(p[:headerIP], 0))
	s := p[headerIP:]
	binary.BigEndian.PutUint16(s[0:], fromPort)
	binary.BigEndian.PutUint16(s[2:], toPort)
	binary.BigEndian.PutUint32(s[4:], seq)
	binary.BigEndian.PutUint32(s[8:], ack)
	s[12], s[13] = headerTCP/4<<4, flags
	binary.BigEndian.PutUint16(s[16:], checksum(s, pseudo(from, to, len(s))))
	return p
}

// pseudo sums what TCP's checksum covers beside the segment.
func pseudo(from, to address, n int) uint32 {
	return sum(from[:]) + sum(to[:]) + protocolTCP + uint32(n)
}

func sum(b []byte) (sum uint32) {
	for ; len(b) > 1; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	return sum
}

// checksum is the Internet checksum (RFC 1071) of b and what has been summed before.
func checksum(b []byte, before uint32) uint16 {
	s := before + sum(b)
	for s>>16 != 0 {
		s = s&0xffff + s>>16
	}
	return ^uint16(s)
}
