package p2p

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"p2ptool/p2p/path"
	"p2ptool/p2p/stun"
	"p2ptool/p2p/udp"
)

// NetcheckOptions configure Netcheck.
type NetcheckOptions struct {
	// Servers are rendezvous servers, "host:port". Netcheck asks each of them on that port and on the next higher one.
	Servers []string
	// STUN are additional STUN servers, "host:port". Netcheck asks the first four.
	STUN []string
	// NoPortMapping turns off the check of the router's port mapping protocols. Netcheck only makes it behind a NAT, and
	// only if Network is the operating system's.
	NoPortMapping bool
	// Network opens the sockets; nil means the operating system's.
	Network udp.Network
}

// A NetServer is the result of Netcheck for one address of a server.
type NetServer struct {
	Name     string         // as in NetcheckOptions
	STUN     bool           // it is one of NetcheckOptions.STUN
	Addr     netip.AddrPort // invalid if the name could not be resolved
	Err      error          // why the server was not asked
	RTT      time.Duration  // to its main port; 0: no answer
	Second   time.Duration  // to its second port; 0: no answer, or not asked
	Observed netip.AddrPort // this host, as the main port sees it
}

// A NetReport is the result of Netcheck: this host's external addresses, and how its NAT behaves.
type NetReport struct {
	Servers []NetServer
	// IPv4 and IPv6 are this host's addresses as seen by the first server that answered
	// in that family; invalid if none did.
	IPv4, IPv6 netip.AddrPort
	// Translated says that the IPv4 address is not one of this host's own.
	Translated bool
	// NAT describes how the NAT maps and filters IPv4.
	NAT NAT
	// Hairpin says whether two hosts behind the NAT can reach each other at their
	// external addresses (RFC 4787, section 6). It is determined only if Translated.
	Hairpin bool
	// Router is this host's router. Mappers has its answer for each port mapping
	// protocol. They are determined only if Translated.
	Router  netip.Addr
	Mappers []PortMapper
}

// UDP reports whether any server answered.
func (r NetReport) UDP() bool { return r.IPv4.IsValid() || r.IPv6.IsValid() }

// Expect describes the paths that this host can expect, in one line for the user.
func (r NetReport) Expect() string {
	switch n := r.NAT; {
	case !r.UDP():
		return "no server answers by UDP: is one running there, and does a firewall here let UDP out?"
	case !r.IPv4.IsValid():
		return "only IPv6 works here: a direct path to peers with IPv6, and the relay with the others"
	case !n.Known():
		return "how the NAT maps could not be found out: the server's second port does not answer"
	case n.Symmetric() && len(r.MapsBy()) > 0:
		return "this NAT is symmetric, but its router maps a port on demand: a direct path to nearly everyone"
	case n.Symmetric() && n.Stride != 0:
		return "this NAT is symmetric, with ports in sequence: a direct path to most peers within a second or two"
	case n.Symmetric():
		return "this NAT is symmetric: a direct path to most peers within a second or two, and the relay with those behind another symmetric one"
	case n.Filtering == path.EndpointIndependent || n.Filtering == path.AddressDependent:
		return "a direct path to nearly everyone"
	}
	return "a direct path to nearly everyone; with peers behind a symmetric NAT within a second or two"
}

// Netcheck finds out how this host looks from the internet. It asks all servers at once which address they see,
// determines how the NAT maps and filters (RFC 5780), and checks whether a datagram to the host's own external address
// comes back. It takes a few round trips, or a few seconds if answers are missing. It fails if it cannot open sockets
// or list the interfaces, or if ctx ends.
func Netcheck(ctx context.Context, o NetcheckOptions) (NetReport, error) {
	if o.Network == nil {
		o.Network = udp.System{}
	}
	r := NetReport{Servers: o.servers(ctx)}
	if err := askAll(ctx, o.Network, r.Servers); err != nil {
		return NetReport{}, err
	}
	main := r.firstView()
	if main == nil {
		return r, ctx.Err()
	}
	local, err := o.Network.Addrs()
	if err != nil {
		return NetReport{}, fmt.Errorf("looking at the interfaces: %w", err)
	}
	r.Translated = !slices.Contains(local, r.IPv4.Addr())
	router := r.askRouter(ctx, o)
	f, err := stun.Discover(ctx, o.listen, r.observers(main), stun.Interim{})
	r.Router, r.Mappers = router()
	if err != nil {
		return NetReport{}, err
	}
	r.NAT = f.NAT
	if r.Translated {
		r.Hairpin, err = hairpins(ctx, o.listen, main.Addr)
	}
	if err == nil {
		err = ctx.Err()
	}
	return r, err
}

func (o NetcheckOptions) listen() (udp.Conn, error) {
	return o.Network.Listen("udp4", netip.AddrPort{})
}

// servers resolves all names. It keeps the first address of each family.
func (o NetcheckOptions) servers(ctx context.Context) (all []NetServer) {
	look := func(name string, stun bool) {
		addrs, err := resolve(ctx, name)
		if err != nil {
			all = append(all, NetServer{Name: name, STUN: stun, Err: err})
			return
		}
		for _, is4 := range []bool{true, false} {
			if i := slices.IndexFunc(addrs, func(a netip.AddrPort) bool { return a.Addr().Is4() == is4 }); i >= 0 {
				all = append(all, NetServer{Name: name, STUN: stun, Addr: addrs[i]})
			}
		}
	}
	for _, s := range o.Servers {
		look(s, false)
	}
	for _, s := range o.STUN[:min(len(o.STUN), maxSTUN)] {
		look(s, true)
	}
	return all
}

// askAll asks each server that has an address. It uses one socket per address family.
func askAll(ctx context.Context, n udp.Network, servers []NetServer) error {
	askers := make(map[bool]*stun.Asker)
	var asking sync.WaitGroup
	defer func() {
		asking.Wait()
		for _, a := range askers {
			a.Close()
		}
	}()
	for i := range servers {
		s := &servers[i]
		if s.Err != nil {
			continue
		}
		is4 := s.Addr.Addr().Is4()
		if askers[is4] == nil {
			family := map[bool]string{true: "udp4", false: "udp6"}[is4]
			c, err := n.Listen(family, netip.AddrPort{})
			if err != nil && !is4 {
				s.Err = err // many hosts have no IPv6
				continue
			}
			if err != nil {
				return fmt.Errorf("opening a socket: %w", err)
			}
			askers[is4] = stun.NewAsker(c)
		}
		asking.Go(func() { s.RTT, s.Observed = roundTrip(ctx, askers[is4], s.Addr) })
		if second, ok := s.second(); ok {
			asking.Go(func() { s.Second, _ = roundTrip(ctx, askers[is4], second) })
		}
	}
	return nil
}

// second returns the address of the server's second port. ok is false if the server has none.
func (s *NetServer) second() (netip.AddrPort, bool) {
	if s.STUN || s.Addr.Port() == 1<<16-1 {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(s.Addr.Addr(), s.Addr.Port()+1), true
}

// roundTrip asks twice and returns the shorter round trip, because a lost packet
// may have delayed the first answer. seen is this host's address as the server
// sees it. rtt is 0 if there is no answer.
func roundTrip(ctx context.Context, a *stun.Asker, to netip.AddrPort) (rtt time.Duration, seen netip.AddrPort) {
	for range 2 {
		start := time.Now()
		answer := a.Ask(to, to, stun.Request{})(ctx)
		took := max(time.Since(start), 1)
		switch {
		case !answer.IsValid():
			return rtt, seen
		case rtt == 0 || took < rtt:
			rtt = took
		}
		seen = answer
	}
	return rtt, seen
}

// firstView sets IPv4 and IPv6 to this host's address as seen by the first server
// that answered in each family. It returns that server for IPv4, or nil. Rendezvous
// servers come before STUN servers.
func (r *NetReport) firstView() (main *NetServer) {
	for i := range r.Servers {
		s := &r.Servers[i]
		switch {
		case !s.Observed.IsValid():
		case !s.Addr.Addr().Is4():
			if !r.IPv6.IsValid() {
				r.IPv6 = s.Observed
			}
		case main == nil:
			main, r.IPv4 = s, s.Observed
		}
	}
	return main
}

// observers returns the servers to ask about the NAT.
func (r *NetReport) observers(main *NetServer) stun.Servers {
	o := stun.Servers{Main: main.Addr}
	if main.Second > 0 {
		o.Second, _ = main.second()
	}
	for i := range r.Servers {
		s := &r.Servers[i]
		if s != main && s.Observed.IsValid() && s.Addr.Addr().Is4() && s.Addr.Addr() != main.Addr.Addr() {
			o.Others = append(o.Others, s.Addr)
		}
	}
	return o
}
