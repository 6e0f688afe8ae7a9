package server

import (
	"net/netip"
	"time"

	"p2ptool/p2p/identity"
	"p2ptool/p2p/noise"
	"p2ptool/p2p/rendezvous"
	"p2ptool/p2p/rendezvous/handshake"
)

// register does handshakes until the server is closed.
func (s *Server) register() {
	for {
		select {
		case <-s.done:
			return
		case hs := <-s.inits:
			if reply := s.init(s.now(), hs); reply != nil {
				s.send(hs.From, reply)
			}
		}
	}
}

// init does the handshake of an INIT and returns the RESPONSE, or nil. The session that it makes is pending:
// only its index leads to it.
func (s *Server) init(now time.Duration, hs *handshake.Pending) []byte {
	in := s.responder.Respond(hs)
	if in == nil {
		return nil
	}
	reg, err := rendezvous.ParseRegistration(in.Payload)
	if err != nil {
		s.drops.malformed.Add(1)
		return nil
	}
	index, seconds, ok := s.reserve(now, hs.From)
	if !ok {
		s.drops.full.Add(1)
		return nil
	}
	w := rendezvous.Welcome{Seconds: seconds, Observed: hs.From, Second: s.sockets.secondPort()}
	reply, secrets, err := in.Accept(index, w.Append(nil))
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.registry.get(index)
	if p == nil { // crowded out meanwhile
		return nil
	}
	if err != nil {
		s.registry.remove(p)
		return nil
	}
	p.crypto = secrets.NewCompact()
	p.key = [identity.KeySize]byte(in.Remote.Bytes())
	p.guid = in.Remote.GUID()
	p.instance, p.flags, p.version, p.name = reg.Instance, reg.Flags, reg.Version, reg.Name
	p.takes = reg.Takes
	p.remote, p.interval = in.Index, seconds
	p.state = statePending
	return reply
}

// reserve adds a session without keys and returns its index and its keepalive interval.
func (s *Server) reserve(now time.Duration, from netip.AddrPort) (index uint32, seconds uint16, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.registry.add(now, from)
	if p == nil {
		return 0, 0, false
	}
	index = p.index
	if old := s.registry.excessPending(); old != nil {
		s.registry.remove(old)
	}
	return index, s.intervalLocked(), true
}

// intervalLocked returns the keepalive interval in seconds: short enough to notice a lost peer soon, long enough
// for at most 400 packets a second in all, and never so long that a NAT's mapping of 30 s expires.
func (s *Server) intervalLocked() uint16 {
	return uint16(min(max(s.registry.confirmed/400, 5), 25))
}

// An outgoing is a datagram to another peer than the sender of the packet.
type outgoing struct {
	to       netip.AddrPort
	datagram []byte
}

// data handles a packet of a session and returns the answer to its sender.
func (s *Server) data(now time.Duration, from netip.AddrPort, d []byte) []byte {
	reply, others, known := s.open(now, from, d)
	if !known {
		s.drops.unknown.Add(1)
		if s.mayAnswer(now, from) {
			return rendezvous.AppendUnknown(nil, d)
		}
	}
	for _, o := range others {
		s.send(o.to, o.datagram)
	}
	return reply
}

// open decrypts a packet and executes its message.
func (s *Server) open(now time.Duration, from netip.AddrPort, d []byte) (reply []byte, others []outgoing, known bool) {
	h, _ := noise.ParseHeader(d)
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.registry.get(h.Index)
	if p == nil || p.state == stateReserved { // one without keys must open nothing
		return nil, nil, false
	}
	plain, newest, err := p.crypto.Open(d)
	if err != nil {
		// From elsewhere it may be a packet from before a restart, whose index
		// is now that of another's session.
		s.drops.unopened.Add(1)
		return nil, nil, rendezvous.EndpointOf(from) == p.at
	}
	m, err := rendezvous.ParseMessage(plain)
	if err != nil {
		s.drops.malformed.Add(1)
		return nil, nil, true
	}
	p.heard, p.called = now, 0
	if p.state == statePending {
		others = s.confirmLocked(now, p)
	}
	t := packet{now: now, from: from, newest: newest, others: others}
	if answer := s.messageLocked(&t, p, m); answer.Kind != 0 {
		reply = sealMessage(p, answer)
	}
	if p.at.Stream && p.at == rendezvous.EndpointOf(from) {
		s.tlsConns.keep(from, p.patience())
	}
	return reply, t.others, true
}

// confirmLocked registers a session whose first packet has arrived, instead of an older one of the same process.
func (s *Server) confirmLocked(now time.Duration, p *session) (others []outgoing) {
	displaced, replaced := s.registry.confirm(now, p)
	if displaced != nil {
		if displaced.instance == p.instance {
			s.relay.move(displaced.index, p)
		}
		s.removeLocked(displaced)
	}
	if replaced != nil {
		body := rendezvous.Alive{Seconds: replaced.interval, Observed: replaced.at.Addr()}
		d := sealMessage(replaced, rendezvous.Message{Kind: rendezvous.KindReplaced, Body: body.Append(nil)})
		others = append(others, outgoing{replaced.at.Addr(), d})
	}
	return others
}

func (s *Server) removeLocked(p *session) {
	s.relay.drop(p.index)
	s.leaveStreamLocked(p)
	s.registry.remove(p)
}

// moveLocked changes the address of a session, which has proven that it receives there.
func (s *Server) moveLocked(p *session, to netip.AddrPort) {
	s.leaveStreamLocked(p)
	s.registry.move(p, to)
	s.relay.move(p.index, p)
}

// leaveStreamLocked releases the stream that a session is on, if any, before the session leaves it.
func (s *Server) leaveStreamLocked(p *session) {
	if p.at.Stream {
		s.tlsConns.release(p.at.Addr())
	}
}

// sealMessage returns the datagram of a message to a session, or nil if the session has used up its packet
// numbers.
func sealMessage(p *session, m rendezvous.Message) []byte {
	b := make([]byte, noise.HeaderSize, noise.Overhead+rendezvous.MessageHeader+len(m.Body))
	d, err := p.crypto.Seal(m.Append(b), rendezvous.TypeData, p.remote)
	if err != nil {
		return nil
	}
	return d
}

// sweep removes silent sessions until the server is closed.
func (s *Server) sweep() {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-s.done:
			return
		case <-ticker.C:
			s.sweepOnce(s.now())
		}
	}
}

func (s *Server) sweepOnce(now time.Duration) {
	s.mu.Lock()
	s.introductions.forget(now, s.relay.close)
	left := len(s.registry.chunks) * chunkSize / sweepTurns
	s.mu.Unlock()
	for ; left > 0; left -= sweepSlice {
		s.mu.Lock()
		s.registry.sweep(now, min(left, sweepSlice), s.removeLocked)
		s.mu.Unlock()
	}
	s.relay.sweep(now, maxChannels/sweepTurns)
}
