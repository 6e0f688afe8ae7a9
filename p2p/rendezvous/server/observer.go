package server

import (
	"net/netip"
	"time"

	"p2ptool/p2p/stun"
	"p2ptool/p2p/udp"
)

// observe handles a batch that has arrived at the second observer.
func (s *Server) observe(c udp.Conn, b udp.Batch) {
	now := s.now()
	b.Datagrams(func(d []byte) {
		reply, change := s.stun(now, b.Addr, d)
		if change {
			s.send(b.Addr, reply)
		} else {
			write(c, b.Addr, reply)
		}
	})
}

// stun returns the answer to a Binding request, or nil. If change is true it has to be sent from the other port,
// which shows a peer how its NAT filters. There is no other address to send from.
func (s *Server) stun(now time.Duration, from netip.AddrPort, d []byte) (reply []byte, change bool) {
	r, err := stun.ParseRequest(d)
	if err != nil || r.ChangeAddr {
		s.drops.malformed.Add(1)
		return nil, false
	}
	if !s.mayAnswer(now, from) {
		return nil, false
	}
	return stun.Response{ID: r.ID, Observed: from}.Append(nil), r.ChangePort
}

// stunMain is stun for a main port.
func (s *Server) stunMain(now time.Duration, from netip.AddrPort, d []byte) []byte {
	reply, change := s.stun(now, from, d)
	if !change {
		return reply
	}
	if c := s.sockets.observer(from); c != nil {
		write(c, from, reply)
	}
	return nil
}
