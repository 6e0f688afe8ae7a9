package p2p

import (
	"net/netip"
	"sync"
	"sync/atomic"

	"p2ptool/p2p/link"
)

// Links that other peers begin cost memory before this peer knows what they are for, so their number is limited. Links
// of known peers (PeerOptions.Known, Link.Trust) and of strangers are counted separately. Strangers share their places
// by source, known peers by GUID. If there are too many links, one of the share with the most is closed. So an attacker
// evicts his own links, and needs more sources than there are places to evict those of others.
const (
	maxPending = 256  // links that no packet has arrived on yet
	maxInbound = 128  // links of strangers that are up
	maxTrusted = 1024 // links of known peers that are up

	// strangerMemory bounds the memory of all links of strangers together, in bytes.
	strangerMemory = 32 << 20
)

// A share identifies one user of a limit: a source (an IPv4 address, the 64-bit prefix of an IPv6 address, or zeros if
// the server does not say), or a GUID.
type share [16]byte

// sourceShare returns the share of an address.
func sourceShare(a netip.AddrPort) (s share) {
	if !a.IsValid() {
		return s
	}
	s = a.Addr().As16()
	if !a.Addr().Unmap().Is4() {
		clear(s[8:])
	}
	return s
}

// inbound holds the links that other peers began.
type inbound struct {
	memory *link.Memory // of all strangers together
	making atomic.Bool  // strangersFull is making room in it

	mu    sync.Mutex // guards links
	links map[*Link]*caller
}

// A caller is the peer that began a link.
type caller struct {
	share   share
	trusted bool
	up      bool // a packet of the link has arrived
}

func (in *inbound) init(full func()) {
	in.memory = link.NewMemory(strangerMemory, full)
	in.links = make(map[*Link]*caller)
}

// A group is the links that share a limit.
type group struct{ trusted, up bool }

func (c *caller) group() group { return group{c.trusted, c.up} }

func (g group) limit() int {
	switch {
	case !g.up:
		return maxPending
	case g.trusted:
		return maxTrusted
	}
	return maxInbound
}

// add adds a link on which no packet has arrived yet, and returns the one to evict for it, or nil.
func (in *inbound) add(l *Link, c caller) (out *Link) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if !c.trusted {
		l.inner.SetMemory(in.memory)
	}
	in.links[l] = &c
	return in.evictLocked(c.group())
}

// confirm records that a link is up, and returns the one to evict for it, or nil.
func (in *inbound) confirm(l *Link) (out *Link) {
	in.mu.Lock()
	defer in.mu.Unlock()
	c := in.links[l]
	if c == nil {
		return nil
	}
	c.up = true
	return in.evictLocked(c.group())
}

// awaits reports whether a link that was begun, but is not up yet, satisfies is.
func (in *inbound) awaits(is func(*Link) bool) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	for l, c := range in.links {
		if !c.up && is(l) {
			return true
		}
	}
	return false
}

// trust moves a link to those of known peers, and returns the one to evict for it, or nil.
func (in *inbound) trust(l *Link) (out *Link) {
	in.mu.Lock()
	defer in.mu.Unlock()
	c := in.links[l]
	if c == nil || c.trusted {
		return nil
	}
	c.trusted, c.share = true, share(l.remote.guid)
	l.inner.SetMemory(nil)
	return in.evictLocked(c.group())
}

func (in *inbound) remove(l *Link) {
	in.mu.Lock()
	defer in.mu.Unlock()
	delete(in.links, l)
}

// evictLocked removes and returns a link if a group has too many: in the largest share, the one whose last packet is
// oldest.
func (in *inbound) evictLocked(g group) *Link {
	members := in.membersLocked(g)
	if len(members) <= g.limit() {
		return nil
	}
	var out *Link
	for _, l := range in.largestLocked(members, func(*Link) int { return 1 }) {
		if out == nil || l.inner.Heard().Before(out.inner.Heard()) {
			out = l
		}
	}
	delete(in.links, out)
	return out
}

// evictLargest removes and returns the link that holds the most memory, of the stranger that holds the most.
func (in *inbound) evictLargest() (out *Link) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.memory.Held() < strangerMemory/2 {
		return nil // enough was freed meanwhile
	}
	strangers := append(in.membersLocked(group{}), in.membersLocked(group{up: true})...)
	held := func(l *Link) int { return l.inner.Held() }
	for _, l := range in.largestLocked(strangers, held) {
		if out == nil || held(l) > held(out) {
			out = l
		}
	}
	delete(in.links, out)
	return out
}

func (in *inbound) membersLocked(g group) (members []*Link) {
	for l, c := range in.links {
		if c.group() == g {
			members = append(members, l)
		}
	}
	return members
}

// largestLocked returns the links of the share with the largest total weight.
func (in *inbound) largestLocked(links []*Link, weight func(*Link) int) (largest []*Link) {
	shares := make(map[share][]*Link)
	weights := make(map[share]int)
	var top share
	for _, l := range links {
		s := in.links[l].share
		shares[s] = append(shares[s], l)
		weights[s] += weight(l)
		if weights[s] > weights[top] {
			top = s
		}
	}
	return shares[top]
}

// evict closes a link that has to make room for others. l may be nil.
func (p *Peer) evict(l *Link) {
	if l != nil {
		p.spawn(func() { l.CloseWith(CodeBusy, "too many links of strangers") })
	}
}

// strangersFull is called when links of strangers need more memory than they may have. It evicts one; the data that did
// not fit is sent again.
func (p *Peer) strangersFull() {
	if !p.inbound.making.CompareAndSwap(false, true) {
		return
	}
	p.spawn(func() {
		p.evict(p.inbound.evictLargest())
		p.inbound.making.Store(false)
	})
}

// admit counts a link that another peer began from an address, and evicts another one if there are too many.
func (p *Peer) admit(l *Link, from netip.AddrPort) {
	c := caller{share: sourceShare(from)}
	if p.opts.Known != nil && p.opts.Known(l.remote.guid) {
		c.trusted, c.share = true, share(l.remote.guid)
	}
	p.evict(p.inbound.add(l, c))
}

// Trust tells the peer that the application wants to keep the link. It no longer counts as one of a stranger: it is not
// closed to limit what strangers use, and may hold as much memory as any link. Links that this peer began, and links of
// peers for which PeerOptions.Known is true, are trusted from the start.
func (l *Link) Trust() { l.peer.evict(l.peer.inbound.trust(l)) }
