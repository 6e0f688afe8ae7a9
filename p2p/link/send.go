package link

import (
	"time"

	"p2ptool/p2p/noise"
	"p2ptool/p2p/udp"
)

const (
	maxSegments = 64 // datagrams that the kernel takes in one piece
	minRoom     = 40 // bytes worth beginning another frame in
)

var padding [minRoom]byte

// send sends what is due and what may be sent, in a few batches. It reports
// whether it stopped short of that.
func (l *Link) send() bool {
	p := l.chosen
	if p == nil {
		return false
	}
	for range turnBatches {
		n, size := l.fillBatch(p)
		if n == 0 {
			return false
		}
		l.write(p, udp.Batch{Data: l.buffer.Bytes()[:n], Size: size})
	}
	return true
}

// write sends datagrams on a path. Errors are for the path's pings to notice.
func (l *Link) write(p *path, b udp.Batch) {
	b.Addr = p.route.Addr
	_ = p.route.Conn.Write(b)
}

// fillBatch puts packets end to end into the buffer, as many as the window,
// the pace and a batch allow. It returns their length and that of each.
func (l *Link) fillBatch(p *path) (n, size int) {
	p.pacer.fill(l.now, p.cc.rate(&p.rtt), p.mtu)
	p.limited = false
	for range maxSegments {
		if n+p.mtu > udp.MaxBatch {
			break
		}
		got := l.fillPacket(p, l.buffer.Bytes()[n:n+p.mtu])
		n += got
		size = max(size, got)
		if got < p.mtu {
			break // only the last of a batch may be shorter
		}
	}
	if s := l.streams.first(); n > 0 && s != nil {
		l.streams.yield(s) // the others' turn
	}
	return n, size
}

// mayData reports whether the window and the pace let a full packet go.
func (l *Link) mayData(p *path) bool {
	if l.probes > 0 {
		return true
	}
	ok := p.inFlight+p.mtu <= p.cc.window() && p.pacer.ready()
	p.limited = p.limited || !ok && l.hasData()
	return ok
}

// hasData reports whether anything but an ACK waits to be sent.
func (l *Link) hasData() bool {
	return l.candidatesDue || len(l.outDatagrams) > 0 || l.streams.first() != nil
}

// fillPacket makes one packet in buf and returns its length, 0 if there is
// nothing to send.
func (l *Link) fillPacket(p *path, buf []byte) int {
	start := len(p.header) + noise.HeaderSize
	rec := l.history.add()
	b := buf[start:start]
	if l.acks.wanted(l.now) {
		b = l.acks.append(b, l.now, p.room())
	}
	if l.mayData(p) && l.hasData() {
		if l.acks.pending > 0 {
			b = l.acks.append(b, l.now, p.room()/2)
		}
		b = l.appendData(b, p.room()-len(b), rec)
		if left := p.room() - len(b); left < minRoom {
			b = append(b, padding[:left]...) // full, so that a batch can go on behind it
		}
	}
	if len(b) == 0 {
		l.history.undo()
		return 0
	}
	n := l.seal(p, buf, len(b))
	if len(rec.frames) > 0 {
		l.track(p, rec, n)
	}
	return n
}

// appendData appends what is reliable, and datagrams, of at most room bytes.
func (l *Link) appendData(b []byte, room int, rec *sentPacket) []byte {
	end := len(b) + room
	b = l.appendCandidates(b, end-len(b), rec)
	b = l.appendDatagrams(b, end-len(b), rec)
	for end-len(b) >= minRoom {
		s := l.streams.first()
		if s == nil {
			break
		}
		var full bool
		if b, full = s.append(b, end-len(b), rec, l.now); full {
			break
		}
		l.streams.yield(s)
	}
	return b
}

// track puts a packet in flight.
func (l *Link) track(p *path, rec *sentPacket, n int) {
	rec.time, rec.path, rec.size, rec.state = l.now, p, n, inFlight
	rec.seq = p.recovery.sent
	p.recovery.sent++
	p.recovery.lastSent = l.now
	p.inFlight += n
	p.pacer.spend(n)
	l.probes = max(l.probes-1, 0)
}

// seal turns frames of n bytes, which stand behind the headers' room in buf,
// into a packet and returns its whole length.
func (l *Link) seal(p *path, buf []byte, n int) int {
	copy(buf, p.header)
	pkt, err := l.sender.Seal(buf[len(p.header):len(p.header)+noise.HeaderSize+n], typeData, l.cfg.Index)
	if err != nil {
		l.end(err)
		return 0
	}
	return len(p.header) + len(pkt)
}

// sendFrames sends a packet at once, of frames that are not acknowledged.
func (l *Link) sendFrames(p *path, add func(b []byte) []byte) []byte {
	l.history.add()
	buf := make([]byte, p.mtu)
	start := len(p.header) + noise.HeaderSize
	n := l.seal(p, buf, len(add(buf[start:start])))
	return buf[:n]
}

// ackDelay is how long an ACK may wait for company.
func (l *Link) ackDelay() time.Duration {
	return min(maxAckDelay, max(l.roundTrip()/8, granularity))
}
