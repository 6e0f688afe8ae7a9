package p2p

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"p2ptool/p2p/path"
	"p2ptool/p2p/rendezvous/client"
	"p2ptool/p2p/stun"
	"p2ptool/p2p/udp"
)

// A NAT describes how a peer's NAT maps and filters IPv4, as far as it is known.
type NAT = path.NAT

// maxSTUN is how many of the configured STUN servers are asked.
const maxSTUN = 4

// natPause is the least time between two discoveries, however often the address changes.
const natPause = 5 * time.Second

// A natWatch holds what a peer knows about its NAT.
type natWatch struct {
	ask chan struct{} // room for one; signals that the address has changed

	mu    sync.Mutex
	nat   path.NAT
	exit  int            // lowest time to live with which a packet passes this and all other NATs of this host; 0: not known
	at    netip.AddrPort // the observed address when ask was last signaled
	found chan struct{}  // closed when the first discovery is complete
	tried chan struct{}  // closed when exit is known or cannot be found out
}

func (w *natWatch) init() {
	w.ask, w.found, w.tried = make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
}

// known returns what is known so far.
func (w *natWatch) known() path.NAT {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.nat
}

// openerTTL returns the time to live for openers.
func (w *natWatch) openerTTL() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.exit != 0:
		return w.exit
	case w.nat.Symmetric():
		return path.SymmetricOpenerTTL
	}
	return path.OpenerTTL
}

// passes sets the time to live that passes all NATs; 0 means that it could not be found out.
func (w *natWatch) passes(ttl int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.exit = ttl
	closeOnce(w.tried)
}

// exitPatience is how long the answer to a call waits until the time to live for openers is known.
const exitPatience = 250 * time.Millisecond

// awaitExit waits until the time to live for openers is known, for at most exitPatience.
func (w *natWatch) awaitExit(ctx context.Context) {
	timeout := time.NewTimer(exitPatience)
	defer timeout.Stop()
	select {
	case <-w.tried:
	case <-timeout.C:
	case <-ctx.Done():
	}
}

func closeOnce(c chan struct{}) {
	select {
	case <-c:
	default:
		close(c)
	}
}

// observed processes the addresses at which the server sees this host. Those of its two ports show whether the NAT maps
// by endpoint; everything else takes longer. news says that known returns something else now.
func (w *natWatch) observed(v client.View) (news bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	o := v.V4
	if at := firstValid(o.Main, v.Stream); at.IsValid() && at != w.at {
		w.at = at
		select {
		case w.ask <- struct{}{}:
		default:
		}
	}
	if w.nat.Known() || !o.Main.IsValid() || !o.Second.IsValid() {
		return false
	}
	w.nat.Mapping = path.EndpointIndependent
	if o.Main != o.Second {
		w.nat.Mapping = path.AddressAndPortDependent
		closeOnce(w.tried) // exit cannot be found out through such a NAT
	}
	return true
}

// finish records that a discovery is complete.
func (w *natWatch) finish() {
	w.mu.Lock()
	defer w.mu.Unlock()
	closeOnce(w.found)
	closeOnce(w.tried)
}

// set records the result of a discovery, unless it is unknown or not new.
func (w *natWatch) set(n path.NAT) (news bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !n.Known() || n == w.nat {
		return false
	}
	w.nat = n
	return true
}

// NAT waits until the discovery of this peer's NAT is complete, about two seconds after the registration, and returns
// its result. Properties that could not be found out are zero. Its errors are those of Registered.
func (p *Peer) NAT(ctx context.Context) (NAT, error) {
	if err := p.Registered(ctx); err != nil {
		return NAT{}, err
	}
	select {
	case <-p.nat.found:
		return p.nat.known(), nil
	case <-p.ctx.Done():
		return NAT{}, ErrClosed
	case <-ctx.Done():
		return NAT{}, context.Cause(ctx)
	}
}

// onView is called by the client when the server sees this host at another address.
func (p *Peer) onView(v client.View) {
	p.logView("server sees this host", v)
	p.announceCandidates()
	p.wantMapping(false)
	p.recheckMapping()
	if p.nat.observed(v) {
		p.announceNAT()
	}
}

// watchNAT discovers the NAT's properties, again whenever the observed address changes.
func (p *Peer) watchNAT() {
	for {
		select {
		case <-p.ctx.Done():
			return
		case <-p.nat.ask:
		}
		p.learnNAT(p.discover())
		p.nat.finish()
		select {
		case <-p.ctx.Done():
			return
		case <-time.After(natPause):
		}
	}
}

func (p *Peer) learnNAT(n path.NAT) {
	if p.nat.set(n) {
		p.announceNAT()
	}
}

// learnMapping is learnNAT for a result without filtering: the previous filtering is kept.
func (p *Peer) learnMapping(n path.NAT) {
	n.Filtering = p.nat.known().Filtering
	p.learnNAT(n)
}

// discover asks the server, and what STUN servers are configured.
func (p *Peer) discover() path.NAT {
	main, second := p.client.Observers()
	if !main.IsValid() {
		return path.NAT{}
	}
	servers := stun.Servers{Main: main, Second: second}
	for _, s := range p.opts.STUN[:min(len(p.opts.STUN), maxSTUN)] {
		addrs, _ := resolve(p.ctx, s) // one that has no address does not answer either
		for _, a := range addrs {
			if a.Addr().Is4() {
				servers.Others = append(servers.Others, a)
				break
			}
		}
	}
	interim := stun.Interim{Mapped: p.learnMapping, Exit: p.nat.passes}
	f, _ := stun.Discover(p.ctx, p.listenMore, servers, interim) // without a socket nothing is known
	return f.NAT
}

// listenMore opens another socket for IPv4, at the address of the first.
func (p *Peer) listenMore() (udp.Conn, error) {
	ip := netip.IPv4Unspecified()
	if c := p.connFor(ip); c != nil {
		ip = c.LocalAddr().Addr()
	}
	return p.opts.Network.Listen("udp4", netip.AddrPortFrom(ip, 0))
}

// announceNAT sends a description of this peer's NAT over all links.
func (p *Peer) announceNAT() {
	n := p.nat.known()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.sessions {
		l.SetNAT(n)
	}
	for l := range p.links {
		l.searchAnew()
	}
}
