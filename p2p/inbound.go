package p2p

import (
	"net/netip"
	"sync"
	"sync/atomic"

	"p2ptool/p2p/link"
)

// Links that other peers begin cost this one memory and attention before it knows what they
// are for. Those of peers that it knows (PeerOptions.Known, Link.Trust) and those of
// strangers are therefore counted apart, each in shares: a source's of all strangers, a peer's of
// all that are known. Where there are too many, one of whoever has most has to go. So an
// attacker pushes out his own, and needs more sources than there are places to push out others.
const (
	maxPending = 256 // links of others that no packet has come by yet
	maxInbound = 128 // strangers' links that are up
	maxTrusted = 1024

	// strangerMemory is what all strangers together can make this peer hold.
	strangerMemory = 32 << 20
)

// A share is what counts as one: a source (an IPv4 address, the 64 bits of an IPv6 network,
// zeros where the server does not say), or a GUID.
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

// inbound holds the links that others began.
type inbound struct {
	memory *link.Memory // of strangers
	making atomic.Bool  // room in it

	mu    sync.Mutex // guards links
	links map[*Link]*caller
}

// A caller is what is known of who began a link.
type caller struct {
	share   share
	trusted bool
	up      bool // a packet of the link has come
}

func (in *inbound) init(full func()) {
	in.memory = link.NewMemory(strangerMemory, full)
	in.links = make(map[*Link]*caller)
}

// group says which links a limit is for.
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

// add takes in a link that nothing was heard of yet, and returns the one that has to go for it.
func (in *inbound) add(l *Link, c caller) (out *Link) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if !c.trusted {
		l.inner.SetMemory(in.memory)
	}
	in.links[l] = &c
	return in.evictLocked(c.group())
}

// confirm notes that a link is up, and returns the one that has to go for it.
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

// awaits reports whether a link of which that is true was begun, and is not up yet.
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

// trust moves a link to those of peers that are known.
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

// evictLocked takes out the link that has to go where a group is too large. Of the
// largest share it is the one that was heard of least recently.
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

// evictLargest takes out the link that holds most of whichever stranger holds most.
func (in *inbound) evictLargest() (out *Link) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.memory.Held() < strangerMemory/2 {
		return nil // others have gone meanwhile
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

// largestLocked returns the links of the share with most weight.
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

// evict ends a link for want of room, if there is one.
func (p *Peer) evict(l *Link) {
	if l != nil {
		p.spawn(func() { l.CloseWith(CodeBusy, "too many links of strangers") })
	}
}

// strangersFull is called when strangers want more memory than they may have. What they
// sent is sent again: meanwhile one of them goes.
func (p *Peer) strangersFull() {
	if !p.inbound.making.CompareAndSwap(false, true) {
		return
	}
	p.spawn(func() {
		p.evict(p.inbound.evictLargest())
		p.inbound.making.Store(false)
	})
}

// welcome takes in a link that another peer began from an address.
func (p *Peer) admit(l *Link, from netip.AddrPort) {
	c := caller{share: sourceShare(from)}
	if p.opts.Known != nil && p.opts.Known(l.remote.guid) {
		c.trusted, c.share = true, share(l.remote.guid)
	}
	p.evict(p.inbound.add(l, c))
}

// Trust says that the application has a use for the link: it keeps it where links of
// strangers have to go, and lets its other end have as much memory as a link may. A link
// that this peer began, or of a peer that PeerOptions.Known knows, is trusted from the start.
func (l *Link) Trust() { l.peer.evict(l.peer.inbound.trust(l)) }
