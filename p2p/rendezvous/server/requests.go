package server

import (
	"net/netip"
	"time"

	"p2ptool/p2p/limit"
	"p2ptool/p2p/rendezvous"
)

// A packet is the handling of one packet of a session.
type packet struct {
	now    time.Duration
	from   netip.AddrPort
	newest bool       // no packet with a higher counter arrived before
	others []outgoing // to other peers
}

// messageLocked executes a message and returns the answer, whose kind is 0 if there is none.
func (s *Server) messageLocked(t *packet, p *session, m rendezvous.Message) rendezvous.Message {
	switch m.Kind {
	case rendezvous.KindKeepalive:
		return s.keepaliveLocked(t, p, m)
	case rendezvous.KindAnswer, rendezvous.KindFailed:
		s.answerLocked(t, p, m)
		return rendezvous.Message{}
	case rendezvous.KindBye:
		s.removeLocked(p)
		return rendezvous.Message{}
	case rendezvous.KindLookup, rendezvous.KindList, rendezvous.KindIntroduce:
		return s.requestLocked(t, p, m)
	}
	s.drops.malformed.Add(1)
	return rendezvous.Message{}
}

// requestLocked answers a request with no more bytes than it has.
func (s *Server) requestLocked(t *packet, p *session, m rendezvous.Message) rendezvous.Message {
	if len(m.Body) < rendezvous.KeepaliveSize {
		s.drops.malformed.Add(1)
		return rendezvous.Message{}
	}
	if rendezvous.EndpointOf(t.from) != p.at {
		// It has to prove that it receives there first.
		return s.aliveLocked(t, p, m)
	}
	if !p.requests.Allow(t.now, requestRate, 1) {
		return failed(m, rendezvous.CodeTooMany)
	}
	switch m.Kind {
	case rendezvous.KindLookup:
		return s.lookupLocked(t, m)
	case rendezvous.KindList:
		l, err := rendezvous.ParseList(m.Body)
		if err != nil {
			return failed(m, rendezvous.CodeMalformed)
		}
		return rendezvous.Message{Kind: rendezvous.KindPeers, Request: m.Request, Body: s.registry.page(t.now, l.Cursor, min(len(m.Body), rendezvous.MaxListBody)).Append(nil)}
	}
	return s.introduceLocked(t, p, m)
}

func failed(m rendezvous.Message, c rendezvous.Code) rendezvous.Message {
	return rendezvous.Message{Kind: rendezvous.KindFailed, Request: m.Request, Body: rendezvous.AppendFailed(nil, c)}
}

// keepaliveLocked answers a KEEPALIVE. If it has a valid token, it moves the session to the address that it came
// from.
func (s *Server) keepaliveLocked(t *packet, p *session, m rendezvous.Message) rendezvous.Message {
	k, err := rendezvous.ParseKeepalive(m.Body)
	if err != nil {
		s.drops.malformed.Add(1)
		return rendezvous.Message{}
	}
	if at := rendezvous.EndpointOf(t.from); at != p.at && t.newest && k.Token != 0 &&
		s.responder.CheckToken(s.start.Add(t.now), k.Token, p.index, at) {
		s.moveLocked(p, t.from)
	}
	return s.aliveLocked(t, p, m)
}

// standbyPatience is how long after a server's start a standby process leaves the place of the listener to the
// previous listener.
const standbyPatience = 10 * time.Second

// aliveLocked returns an ALIVE, or REPLACED for a process on standby.
func (s *Server) aliveLocked(t *packet, p *session, m rendezvous.Message) rendezvous.Message {
	p.interval = s.intervalLocked()
	a := rendezvous.Alive{Seconds: p.interval, Observed: t.from}
	if at := rendezvous.EndpointOf(t.from); at != p.at {
		if !s.mayAnswer(t.now, t.from) {
			return rendezvous.Message{}
		}
		a.Token = s.responder.Token(s.start.Add(t.now), p.index, at)
	}
	if p.standby() && t.now-p.since >= standbyPatience {
		s.registry.promote(p.guid)
	}
	k := rendezvous.KindAlive
	if p.standby() {
		k = rendezvous.KindReplaced
	}
	return rendezvous.Message{Kind: k, Request: m.Request, Body: rendezvous.Pad(a.Append(nil), min(len(m.Body), rendezvous.MaxBody))}
}

func (s *Server) lookupLocked(t *packet, m rendezvous.Message) rendezvous.Message {
	l, err := rendezvous.ParseLookup(m.Body)
	if err != nil {
		return failed(m, rendezvous.CodeMalformed)
	}
	var o *session
	if l.Instance != 0 {
		o = s.registry.process(l.GUID, l.Instance)
	} else {
		o = s.registry.callee(t.now, l.GUID, l.Takes)
	}
	if o == nil {
		return failed(m, rendezvous.CodeNotFound)
	}
	f := rendezvous.Found{Key: o.key, Instance: o.instance, Version: o.version}
	return rendezvous.Message{Kind: rendezvous.KindFound, Request: m.Request, Body: f.Append(nil)}
}

// introduceLocked calls the requested peer, or repeats the result of an earlier copy of the request.
func (s *Server) introduceLocked(t *packet, p *session, m rendezvous.Message) rendezvous.Message {
	r, err := rendezvous.ParseIntroduce(m.Body)
	if err != nil {
		return failed(m, rendezvous.CodeMalformed)
	}
	s.introductions.forget(t.now, s.relay.close)
	key := keyOf(p, m.Request, r.Data)
	if i := s.introductions.byRequest[key]; i != nil {
		if i.reply.Kind == 0 {
			s.callLocked(t, i)
		}
		return i.reply
	}
	o := s.registry.process(r.GUID, r.Instance)
	if r.Instance == 0 {
		o = s.registry.callee(t.now, r.GUID, 0)
	}
	switch {
	case o == nil:
		return failed(m, rendezvous.CodeNotFound)
	case o == p:
		return failed(m, rendezvous.CodeMalformed)
	}
	if out := s.introductions.crowdedOut(o.index); out != nil {
		s.introductions.drop(out)
		s.relay.close(out.channel)
	}
	mine, theirs := s.relay.open(t.now, p, o)
	c := rendezvous.Call{Observed: p.at.Observed(), Channel: theirs, Version: r.Version, What: r.What, Data: r.Data}
	i := &introduction{key: key, callee: o.index, source: limit.SourceOf(p.at.Addr().Addr()), made: t.now, channel: mine, call: c.Append(nil)}
	s.introductions.add(i)
	s.callLocked(t, i)
	return i.reply
}

// callLocked sends a CALL, also again.
func (s *Server) callLocked(t *packet, i *introduction) {
	o := s.registry.get(i.callee)
	if o == nil {
		s.introductions.answer(i, failed(rendezvous.Message{Request: i.key.request}, rendezvous.CodeNotFound))
		s.relay.close(i.channel)
		return
	}
	if o.called == 0 {
		o.called = t.now
	}
	d := sealMessage(o, rendezvous.Message{Kind: rendezvous.KindCall, Request: i.number, Body: i.call})
	t.others = append(t.others, outgoing{o.at.Addr(), d})
}

// answerLocked forwards the answer to a CALL to the caller.
func (s *Server) answerLocked(t *packet, p *session, m rendezvous.Message) {
	i := s.introductions.byNumber[m.Request]
	if i == nil || i.callee != p.index {
		return // answered before, or not its own
	}
	reply := failed(rendezvous.Message{Request: i.key.request}, rendezvous.CodeRefused)
	if a, err := rendezvous.ParseAnswer(m.Body); m.Kind == rendezvous.KindAnswer && err == nil {
		body := rendezvous.Introduced{Observed: p.at.Observed(), Channel: i.channel, Data: a.Data}
		reply = rendezvous.Message{Kind: rendezvous.KindIntroduced, Request: i.key.request, Body: body.Append(nil)}
	} else {
		s.relay.close(i.channel)
		if c, err := rendezvous.ParseFailed(m.Body); m.Kind == rendezvous.KindFailed && err == nil && c == rendezvous.CodeTooMany {
			reply = failed(rendezvous.Message{Request: i.key.request}, c)
		}
	}
	s.introductions.answer(i, reply)
	if caller := s.registry.get(i.key.caller); caller != nil {
		t.others = append(t.others, outgoing{caller.at.Addr(), sealMessage(caller, reply)})
	}
}
