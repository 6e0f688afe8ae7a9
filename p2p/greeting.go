package p2p

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"

	"p2ptool/p2p/path"
)

// A greeting is the payload of a handshake message. Each end of a link sends
// one:
//
//	 0  session index, 4    the index in packets to the sender
//	 4  instance, 8
//	12  flags, 1            1: the sender is listening; 16: the link must not be shared
//	13  candidates          a one-byte count, then that many candidates
//	    length of nat, 1    0 or missing: the sender does not support NAT frames
//	    nat, 5              see path.NAT
//	    takes, 4            the kinds of streams that the sender accepts, see kindBit
//
// Readers ignore extra bytes in nat and at the end.
type greeting struct {
	index      uint32
	instance   uint64
	listening  bool
	candidates []path.Candidate
	nats       bool // the sender understands frames about NATs
	nat        path.NAT
	takes      uint32
	exclusive  bool // two calls that cross must not share this link
}

const (
	greetingHead  = 13
	flagListening = 1 << 0
	flagExclusive = 1 << 4
)

var errGreeting = errors.New("malformed handshake payload")

func (g greeting) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, g.index)
	b = binary.BigEndian.AppendUint64(b, g.instance)
	var flags byte
	if g.listening {
		flags |= flagListening
	}
	if g.exclusive {
		flags |= flagExclusive
	}
	b = path.AppendCandidates(append(b, flags), g.candidates)
	if g.nats {
		b = g.nat.Append(append(b, path.NATSize))
	} else {
		b = append(b, 0)
	}
	return binary.BigEndian.AppendUint32(b, g.takes)
}

func parseGreeting(b []byte) (greeting, error) {
	if len(b) < greetingHead {
		return greeting{}, errGreeting
	}
	g := greeting{
		index:     binary.BigEndian.Uint32(b),
		instance:  binary.BigEndian.Uint64(b[4:]),
		listening: b[12]&flagListening != 0,
		exclusive: b[12]&flagExclusive != 0,
		takes:     allKinds,
	}
	var err error
	if g.candidates, b, err = path.ParseCandidates(b[greetingHead:]); err != nil {
		return greeting{}, err
	}
	if len(b) == 0 {
		return g, nil
	}
	n := int(b[0])
	if b = b[1:]; n > len(b) {
		return greeting{}, errGreeting
	}
	if g.nats = n > 0; g.nats {
		g.nat, _, err = path.ParseNAT(b[:n])
	}
	if b = b[n:]; len(b) >= 4 {
		g.takes = binary.BigEndian.Uint32(b)
	}
	return g, err
}

// greeting returns this peer's greeting for a session.
func (p *Peer) greeting(index uint32) greeting {
	p.wantMapping(true)
	return greeting{
		index: index, instance: p.instance, listening: p.listens(), candidates: p.candidates(),
		nats: true, nat: p.nat.known(), takes: p.takes(),
	}
}

// candidates returns the addresses at which this peer may be reached. The ones
// that the server saw come first, because a peer can name only MaxCandidates.
func (p *Peer) candidates() []path.Candidate {
	var cs []path.Candidate
	add := func(kind path.CandidateKind, a netip.AddrPort) {
		for _, c := range cs {
			if c.Addr == a {
				return
			}
		}
		if a.IsValid() && len(cs) < path.MaxCandidates {
			cs = append(cs, path.Candidate{Kind: kind, Addr: a})
		}
	}
	// If the server saw an address of this host, it is a host candidate.
	host := p.hostAddrs()
	for _, a := range p.observed() {
		if !contains(host, a.addr) {
			add(a.kind, a.addr)
		}
	}
	add(path.Mapped, p.mapped())
	for _, a := range host {
		add(path.Host, a)
	}
	return cs
}

func contains(as []netip.AddrPort, a netip.AddrPort) bool {
	for _, b := range as {
		if a == b {
			return true
		}
	}
	return false
}

type observedAddr struct {
	kind path.CandidateKind
	addr netip.AddrPort
}

func (p *Peer) observed() []observedAddr {
	if p.client == nil {
		return nil
	}
	v := p.client.View()
	return []observedAddr{
		{path.ServerReflexive, v.V4.Main}, {path.ServerReflexive, v.V6.Main},
		{path.ServerReflexiveOther, v.V4.Second}, {path.ServerReflexiveOther, v.V6.Second},
	}
}

func (p *Peer) serverIsLocal() bool {
	return p.client != nil && p.client.ServerAddr().Addr().IsLoopback()
}

// own reports whether ip is an address of this host.
func (p *Peer) own(ip netip.Addr) bool {
	all, err := p.opts.Network.Addrs()
	if err != nil {
		all = p.usedAddrs()
	}
	return slices.Contains(all, ip)
}
