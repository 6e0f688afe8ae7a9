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

// A NAT is what is known of how a peer's NAT maps and filters IPv4.
type NAT = path.NAT

// maxSTUN bounds the STUN servers of a configuration that are asked.
const maxSTUN = 4

// natPause is between two findings, however often the address changes.
const natPause = 5 * time.Second

// A natWatch is what a peer knows of its NAT.
type natWatch struct {
	ask chan struct{} // one place: the address has changed

	mu    sync.Mutex
	nat   path.NAT
	exit  int            // lowest time to live that passes it, and all others in front of this host; 0: not known
	at    netip.AddrPort // the address that was seen when ask was last filled
	found chan struct{}  // closed once all is found out that can be
	tried chan struct{}  // closed once exit is known, or there is no waiting for it
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

// openerTTL returns the time to live of openers.
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

// passes takes what time to live passes all NATs; 0: that could not be found out.
func (w *natWatch) passes(ttl int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.exit = ttl
	closeOnce(w.tried)
}

// exitPatience is for how long a call is not answered because it is not known yet what
// time to live the openers need.
const exitPatience = 250 * time.Millisecond

// awaitExit waits for that.
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

// observed takes how the server sees this host. The two ports alone tell a
// little, a round trip after the registration; the rest is found out by and by.
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
		closeOnce(w.tried) // through it there is no finding out
	}
	return true
}

// finish says that all is found out that can be.
func (w *natWatch) finish() {
	w.mu.Lock()
	defer w.mu.Unlock()
	closeOnce(w.found)
	closeOnce(w.tried)
}

// set takes what was found out, where that is anything.
func (w *natWatch) set(n path.NAT) (news bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !n.Known() || n == w.nat {
		return false
	}
	w.nat = n
	return true
}

// NAT waits until it is found out how this peer's NAT maps and filters, which
// takes some two seconds from the registration. What cannot be found out is
// unknown. It returns ErrNotServing where no server is configured, and the
// errors of Registered.
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

// onView is told, by the client, how the server sees this host.
func (p *Peer) onView(v client.View) {
	p.logView("server sees this host", v)
	p.announceCandidates()
	p.wantMapping(false)
	p.recheckMapping()
	if p.nat.observed(v) {
		p.announceNAT()
	}
}

// watchNAT finds out about the NAT, at first and whenever it may be another.
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

// learnMapping is learnNAT before the filtering is known, which stays what it was.
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

// announceNAT tells all links how this peer's NAT behaves.
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
