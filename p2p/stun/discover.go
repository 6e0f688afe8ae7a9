package stun

import (
	"context"
	"fmt"
	"net/netip"

	"p2ptool/p2p/path"
	"p2ptool/p2p/udp"
)

// Servers are the servers that Discover asks.
type Servers struct {
	// Main and Second are two ports of one address. Each can answer from the other. Second is
	// invalid if there is no second port.
	Main, Second netip.AddrPort
	// Others are additional servers, which only need to answer.
	Others []netip.AddrPort
}

// A Finding is the result of Discover.
type Finding struct {
	path.NAT
	// Observed has the source addresses that the servers saw, one for each answer, for two sockets.
	Observed []netip.AddrPort
}

// Interim has functions that Discover calls with early results. Each may be nil.
type Interim struct {
	// Mapped is called with the NAT when only its filtering is unknown.
	Mapped func(path.NAT)
	// Exit is called with the lowest time to live that passes all NATs (see the function Exit),
	// or with 0 if it is unknown, for example because the mapping depends on the endpoint. If
	// Exit is nil, Discover does not measure it.
	Exit func(ttl int)
}

// Discover determines how the NAT between this host and the servers maps and filters (RFC 5780,
// sections 4.3 and 4.4). It uses two sockets that it opens with listen. It takes two round trips, or
// about two seconds if an answer does not arrive. What it cannot determine stays unknown. It fails if
// it cannot open a socket.
//
// If nothing arrived from the second port, it sends a request there from the socket that waited:
// a bare masquerade now uses another port for that destination.
//
// It creates three mappings in quick succession, so that sequential ports are visible. If all
// servers have the same address, it cannot distinguish address-dependent from endpoint-independent
// mapping, and cannot detect endpoint-independent filtering.
func Discover(ctx context.Context, listen func() (udp.Conn, error), s Servers, interim Interim) (Finding, error) {
	one, err := openAsker(listen)
	if err != nil {
		return Finding{}, err
	}
	defer one.Close()
	two, err := openAsker(listen)
	if err != nil {
		return Finding{}, err
	}
	defer two.Close()
	// The socket that waits for an answer from the second port must not send to that port first.
	first := one.Ask(s.Main, s.Main, Request{})
	targets := s.mapping()
	waits := make([]func(context.Context) netip.AddrPort, len(targets))
	for i, t := range targets {
		waits[i] = two.Ask(t, t, Request{})
	}
	var change func(context.Context) netip.AddrPort
	if s.Second.IsValid() {
		change = one.Ask(s.Main, s.Second, Request{ChangePort: true})
	}
	// Exit also uses up ports of a sequential NAT, so start it after the samples' requests.
	stop, wait := interim.lookForExit(ctx, listen, s)
	defer wait()
	samples := make([]netip.AddrPort, 1+len(targets))
	samples[0] = first(ctx)
	for i, wait := range waits {
		samples[i+1] = wait(ctx)
	}
	f := Finding{NAT: judge(targets, samples)}
	for _, a := range samples {
		if a.IsValid() {
			f.Observed = append(f.Observed, a)
		}
	}
	if f.Symmetric() {
		stop()
	}
	if interim.Mapped != nil {
		interim.Mapped(f.NAT)
	}
	if change != nil && samples[0].IsValid() {
		if change(ctx).IsValid() {
			f.Filtering = path.AddressDependent
		} else if ctx.Err() == nil {
			f.Filtering = path.AddressAndPortDependent
			f.Bare = f.Mapping == path.EndpointIndependent && one.remapped(ctx, s.Second, samples[0])
		}
	}
	return f, nil
}

// remapped reports whether a server that has already sent to the socket sees it at another port than
// other servers do.
func (a *Asker) remapped(ctx context.Context, server, others netip.AddrPort) bool {
	seen := a.Ask(server, server, Request{})(ctx)
	return seen.IsValid() && seen != others
}

func openAsker(listen func() (udp.Conn, error)) (*Asker, error) {
	c, err := listen()
	if err != nil {
		return nil, fmt.Errorf("examining the NAT: %w", err)
	}
	return NewAsker(c), nil
}

// mapping returns the destinations of the requests that determine the mapping.
func (s Servers) mapping() []netip.AddrPort {
	targets := []netip.AddrPort{s.Main}
	if s.Second.IsValid() {
		targets = append(targets, s.Second)
	}
	return append(targets, s.Others...)
}

// judge determines the mapping. The first sample comes from another socket. The others are the
// addresses that the targets saw.
func judge(targets, samples []netip.AddrPort) (n path.NAT) {
	main := samples[1]
	if !main.IsValid() {
		return path.NAT{}
	}
	var ports []uint16
	for _, a := range samples {
		if a.IsValid() {
			ports = append(ports, a.Port())
		}
	}
	for i, t := range targets[1:] {
		seen := samples[i+2]
		switch {
		case !seen.IsValid():
		case seen == main:
			n.Mapping = max(n.Mapping, path.EndpointIndependent)
		case t.Addr() == targets[0].Addr():
			n.Mapping = path.AddressAndPortDependent
		default:
			n.Mapping = max(n.Mapping, path.AddressDependent)
		}
	}
	if n.Symmetric() {
		n.Stride = path.StrideOf(ports)
	}
	return n
}
