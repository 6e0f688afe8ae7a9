package p2p

import (
	"context"
	"encoding/binary"
	"net/netip"

	"p2ptool/p2p/link"
	"p2ptool/p2p/noise"
	"p2ptool/p2p/rendezvous"
	"p2ptool/p2p/rendezvous/client"
	"p2ptool/p2p/rendezvous/handshake"
)

// answer answers a call that arrived through the server.
func (p *Peer) answer(c *client.Call) {
	p.logServer("call", "what", c.What, "observed", c.Observed, "relayed", c.Channel != 0)
	switch c.What {
	case rendezvous.WhatNewLink:
		p.answerNew(c)
	case rendezvous.WhatOldLink:
		p.answerOld(c)
	default:
		c.Refuse()
	}
}

func (p *Peer) answerNew(c *client.Call) {
	if c.Version != p.opts.version {
		p.otherVersion(c.Observed, c.Version)
		c.Refuse()
		return
	}
	if p.opts.Calling {
		c.Refuse()
		return
	}
	state, payload, err := noise.Respond(p.opts.Key, p.linkPrologue(), c.Data)
	if err != nil {
		c.Refuse()
		return
	}
	g, err := parseGreeting(payload)
	remote := state.Remote().GUID()
	if err != nil || remote == p.guid {
		c.Refuse()
		return
	}
	p.nat.awaitExit(p.ctx)
	if p.crossesOwnCall(remote, g, calledIt(g.instance)) {
		return // the other peer uses our link instead
	}
	p.expectLink(remote, g)
	mine := p.greeting(p.newIndex())
	msg, secrets, err := state.Reply(mine.append(nil))
	if err != nil {
		c.Refuse()
		return
	}
	l := p.newLink(RequireAny, false, secrets, remote, mine, g)
	p.admit(l, c.Observed)
	p.addPaths(l, c.Observed, c.Channel, g.candidates, responderDelay)
	c.Answer(msg)
	p.spawn(func() { p.await(l) })
}

// await waits for the first packet of a link that another peer began, and closes the link if none arrives. Until then
// the handshake may be a replay, so nothing else happens.
func (p *Peer) await(l *Link) {
	ctx, cancel := context.WithTimeout(p.ctx, pendingPatience)
	defer cancel()
	if err := l.ready(ctx); err != nil {
		l.CloseWith(CodeDone, "")
		return
	}
	l.start()
	p.evict(p.inbound.confirm(l)) // from here on inbound.awaits ignores it
	p.pingOtherLinks(l)
	if p.adopt(l) {
		return
	}
	select {
	case p.accepted <- l:
	default: // nobody calls Accept; handlers serve the link all the same
	}
}

// answerInit answers a handshake that another peer began without the server, and returns the RESPONSE; nil: none.
func (p *Peer) answerInit(in *handshake.Incoming) []byte {
	g, err := parseGreeting(in.Payload)
	remote := in.Remote.GUID()
	r, ok := p.route(in.From)
	if err != nil || remote == p.guid || !ok || p.opts.Calling || p.crossesOwnCall(remote, g, dialsNow) {
		return nil
	}
	p.expectLink(remote, g)
	mine := p.greeting(p.newIndex())
	g.index = in.Index
	reply, secrets, err := in.Accept(mine.index, mine.append(nil))
	if err != nil {
		return nil
	}
	l := p.newLink(RequireAny, false, secrets, remote, mine, g)
	p.admit(l, in.From)
	l.inner.AddCandidates(netip.AddrPort{}, g.candidates, responderDelay)
	l.inner.AddCandidate(r)
	p.spawn(func() { p.await(l) })
	return reply
}

// answerOld answers the reintroduction of a link whose other end has no path any more: the call carries that end's
// sealed candidates.
func (p *Peer) answerOld(c *client.Call) {
	h, ok := noise.ParseHeader(c.Data)
	inner := p.session(h.Index)
	if !ok || inner == nil || !inner.OpenCandidates(c.Data) {
		c.Refuse()
		return
	}
	p.addReintroduced(p.linkOf(inner), c.Observed, c.Channel)
	c.Answer(binary.BigEndian.AppendUint32(nil, h.Index))
}

// linkOf returns the Link of a session. If that is not up yet, it returns a substitute that can only be given paths.
func (p *Peer) linkOf(inner *link.Link) *Link {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		if l.inner == inner {
			return l
		}
	}
	return &Link{inner: inner}
}

func (p *Peer) addReintroduced(l *Link, observed netip.AddrPort, channel uint64) {
	p.addPaths(l, observed, channel, nil, 0)
}
