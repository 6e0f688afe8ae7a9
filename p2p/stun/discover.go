package stun

import (
	"context"
	"fmt"
	"net/netip"

	"p2ptool/p2p/path"
	"p2ptool/p2p/udp"
)

// Servers are whom Discover asks.
type Servers struct {
	// Main and Second are two ports of one address, each of which answers from
	// the other where it is asked to. Second may be invalid: there is none.
	Main, Second netip.AddrPort
	// Others are further servers, of which nothing but an answer is expected.
	Others []netip.AddrPort
}

// A Finding is what Discover gives.
type Finding struct {
	path.NAT
	// Observed is where the servers saw the requests come from, for each that
	// answered; of two sockets.
	Observed []netip.AddrPort
}

// Interim is told what Discover knows before it knows all. Each function may be nil.
type Interim struct {
	// Mapped is told of the NAT when nothing but its filtering is unknown.
	Mapped func(path.NAT)
	// Exit is told the lowest time to live that passes all NATs, see Exit; 0: that could not
	// be found out, as through a NAT whose mapping depends on the endpoint. Where the function
	// is nil it is not looked for.
	Exit func(ttl int)
}

// Discover finds out how the NAT between this host and the servers maps and
// filters, after RFC 5780, sections 4.3 and 4.4, by two sockets that listen
// opens. It takes two round trips, and some two seconds where an answer does not
// come. What it cannot find out stays unknown. Its error is that of a socket.
//
// Where nothing from the second port came in, it is asked last from the socket it has written to: a
// bare masquerade has another port for that by then.
//
// Three new mappings come one right after the other, so their ports show a
// sequence. With servers at one address a mapping that depends on nothing but
// the address is not told from an independent one, and filtering is not found to
// be independent: nobody writes from an address that was not written to.
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
	// The second port must not have been written to by the socket that waits for
	// an answer from there.
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
	// Its sockets take ports in sequence too, so not before those of the samples.
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

// remapped reports whether a server that has written to the socket before sees it at another port than
// others do.
func (a *Asker) remapped(ctx context.Context, server, others netip.AddrPort) bool {
	seen := a.Ask(server, server, Request{})(ctx)
	return seen.IsValid() && seen != others
}

func openAsker(listen func() (udp.Conn, error)) (*Asker, error) {
	c, err := listen()
	if err != nil {
		return nil, fmt.Errorf("finding out about the NAT: %w", err)
	}
	return NewAsker(c), nil
}

// mapping returns whom one socket asks to learn how the NAT maps.
func (s Servers) mapping() []netip.AddrPort {
	targets := []netip.AddrPort{s.Main}
	if s.Second.IsValid() {
		targets = append(targets, s.Second)
	}
	return append(targets, s.Others...)
}

// judge tells the mapping by what the targets saw: the first sample is that of
// another socket, the others are theirs.
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
