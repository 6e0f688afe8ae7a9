package link

import (
	"net/netip"
	"time"

	"p2ptool/p2p/link/recovery"
	"p2ptool/p2p/noise"
	"p2ptool/p2p/path"
	"p2ptool/p2p/rtt"
	"p2ptool/p2p/udp"
)

const (
	maxSegments = 64 // datagrams that the kernel accepts in one batch
	minRoom     = 40 // bytes left in a packet, below which no other frame is begun
)

var padding [minRoom]byte

// send sends what is due and may be sent, up to a few batches. It reports whether more is left.
func (l *Link) send() bool {
	p := l.best()
	if p == nil || l.ending.closing.begun() {
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

// write sends datagrams on a path. It ignores errors: a check that is not answered shows them.
func (l *Link) write(p *flow, b udp.Batch) {
	b.Addr = p.Route.Addr
	_ = p.conn.Write(b)
}

// fillBatch puts packets end to end into the buffer, as many as the window, the pacer and a batch
// allow. It returns the length of all and that of each.
func (l *Link) fillBatch(p *flow) (n, size int) {
	l.now = time.Now()
	if p.loss.Pacer.Late(l.now) {
		p.loss.Controller.Idle(p.loss.InFlight) // the next samples show the host's rate, not the path's
	}
	p.loss.Pacer.Fill(l.now, p.loss.Controller.Rate(&p.loss.RTT), max(p.MTU, path.BaseMTU))
	for range maxSegments {
		if n+p.MTU > udp.MaxBatch {
			break
		}
		got := l.fillPacket(p, l.buffer.Bytes()[n:n+p.MTU])
		n += got
		size = max(size, got)
		if got < p.MTU {
			break // only the last packet of a batch may be shorter
		}
	}
	if s, control := l.streams.first(); n > 0 && s != nil {
		l.streams.yield(s, control) // the others' turn
	}
	if !l.hasData() && l.windowOpen(p) {
		p.loss.Controller.Idle(p.loss.InFlight)
	}
	return n, size
}

func (l *Link) windowOpen(p *flow) bool {
	return p.loss.InFlight+p.MTU <= p.loss.Controller.Window() && !l.loss.history.Full()
}

// mayData reports whether the window and the pacer admit a full packet.
func (l *Link) mayData(p *flow) bool {
	return l.loss.probes > 0 || l.windowOpen(p) && p.loss.Pacer.Ready()
}

// hasData reports whether anything but an ACK waits to be sent.
func (l *Link) hasData() bool {
	return l.announced.due() || l.published.waiting.Load() > 0 || l.streams.anyReady()
}

// fillPacket makes one packet in buf and returns its length, 0 if there is
// nothing to send.
func (l *Link) fillPacket(p *flow, buf []byte) int {
	start := len(p.header) + noise.HeaderSize
	b := buf[start:start]
	var allBelow uint64
	data := l.mayData(p) && (l.hasData() || l.loss.probes > 0 || l.repeatOldest(p))
	if l.loss.acks.Wanted(l.now) || data {
		b, allBelow = l.loss.acks.Append(b, l.now, l.ackRoom(p, data))
	}
	if !data {
		if len(b) == 0 {
			return 0
		}
		b = l.repeatWindow(b, p.room()-len(b))
		return l.seal(p, buf, len(b))
	}
	rec := l.loss.history.Add()
	small := l.loss.probes == 1 && p.loss.Small
	if !small {
		b = l.appendData(p, b, p.room()-len(b), rec)
	}
	if rec.Count == 0 && l.loss.probes > 0 {
		b = appendFiller(b, rec)
	}
	if small {
		p.loss.Small = false
	} else if left := p.room() - len(b); left < minRoom {
		b = append(b, padding[:left]...) // full, so that another packet can follow in the batch
	}
	if rec.Count == 0 {
		l.loss.history.Undo()
		if len(b) == 0 {
			return 0
		}
		return l.seal(p, buf, len(b))
	}
	rec.Number, rec.AllBelow = l.sender.Counter(), allBelow
	n := l.seal(p, buf, len(b))
	l.track(p, rec, n)
	return n
}

// ackRoom returns how many bytes an ACK may have. ACKs are not acknowledged, so one never makes a
// packet longer than every path carries. In a packet with data it leaves room for that.
func (l *Link) ackRoom(p *flow, data bool) int {
	switch {
	case data && l.announced.candidatesDue:
		return p.floor() - candidatesRoom
	case data && !l.loss.acks.Wanted(l.now):
		return p.room() / 2
	}
	return p.floor()
}

// appendData appends announcements, datagrams and frames of streams, at most room bytes.
func (l *Link) appendData(p *flow, b []byte, room int, rec *recovery.Packet) []byte {
	end, whole := len(b)+room, p.room()
	b = l.announced.append(b, end-len(b), rec)
	b = l.appendDatagrams(b, end-len(b), whole, rec)
	for end-len(b) >= minRoom && !rec.Full() {
		s, control := l.streams.first()
		if s == nil {
			break
		}
		var full bool
		if control {
			b, full = s.appendControl(b, end-len(b), rec, l.now, &l.streams.spare)
		} else {
			b, full = s.appendData(b, end-len(b), rec)
		}
		if full {
			break
		}
		l.streams.yield(s, control)
	}
	return b
}

// track adds a packet to those in flight.
func (l *Link) track(p *flow, rec *recovery.Packet, n int) {
	p.loss.Track(l.now, rec, n)
	l.loss.probes = max(l.loss.probes-1, 0)
}

// seal makes a packet of frames of n bytes, which are in buf behind room for the headers, and
// returns its whole length. p is nil for a packet of no path.
func (l *Link) seal(p *flow, buf []byte, n int) int {
	header := p.head()
	copy(buf, header)
	if l.cfg.Trace != nil {
		l.traceSent(p, n+noise.Overhead, buf[len(header)+noise.HeaderSize:][:n])
	}
	pkt, err := l.sender.Seal(buf[len(header):len(header)+noise.HeaderSize+n], typeData, l.cfg.Index)
	if err != nil {
		l.end(err)
		return 0
	}
	return len(header) + len(pkt)
}

// small makes a packet of at most size bytes of frames that are not acknowledged. It is valid until
// the link's buffer is used again. p is nil for a packet of no path.
func (l *Link) small(p *flow, size int, add func(b []byte) []byte) []byte {
	buf := l.buffer.Bytes()[:size]
	start := len(p.head()) + noise.HeaderSize
	return buf[:l.seal(p, buf, len(add(buf[start:start])))]
}

// put sends such a packet, with a time to live if that is not 0.
func (l *Link) put(conn udp.Conn, to netip.AddrPort, pkt []byte, ttl int) {
	if len(pkt) == 0 {
		return // the session is used up
	}
	b := udp.Batch{Addr: to, Data: pkt, Size: len(pkt)}
	if ttl > 0 {
		_ = conn.WriteTTL(b, ttl)
		return
	}
	_ = conn.Write(b)
}

// ackDelay returns how long an ACK may wait for more packets to acknowledge.
func (l *Link) ackDelay() time.Duration {
	return min(rtt.MaxAckDelay, max(l.roundTrip()/8, rtt.Granularity))
}
