package rendezvous

import (
	"net/netip"
	"time"

	"p2ptool/p2p/limit"
)

// A turn is the handling of one packet.
type turn struct {
	now    time.Duration
	from   netip.AddrPort
	newest bool       // no packet sent later has come before
	others []outgoing // to other peers
}

// messageLocked does what a message says and returns the answer, whose kind
// is 0 if there is none.
func (s *Server) messageLocked(t *turn, p *session, m message) message {
	switch m.kind {
	case kindKeepalive:
		return s.keepaliveLocked(t, p, m)
	case kindAnswer, kindFailed:
		s.answerLocked(t, p, m)
		return message{}
	case kindBye:
		s.removeLocked(p)
		return message{}
	case kindLookup, kindList, kindIntroduce:
		return s.requestLocked(t, p, m)
	}
	s.drops.malformed.Add(1)
	return message{}
}

// requestLocked answers what a peer asks for, no longer than it asked.
func (s *Server) requestLocked(t *turn, p *session, m message) message {
	if len(m.body) < keepaliveSize {
		s.drops.malformed.Add(1)
		return message{}
	}
	if endpointOf(t.from) != p.at {
		// First it has to prove that it receives there.
		return s.aliveLocked(t, p, m)
	}
	if !p.requests.Allow(t.now, requestRate, 1) {
		return failed(m, CodeTooMany)
	}
	switch m.kind {
	case kindLookup:
		return s.lookupLocked(t, m)
	case kindList:
		l, err := parseList(m.body)
		if err != nil {
			return failed(m, CodeMalformed)
		}
		return message{kindPeers, m.request, s.registry.page(t.now, l.cursor, min(len(m.body), maxListBody)).Append(nil)}
	}
	return s.introduceLocked(t, p, m)
}

func failed(m message, c Code) message {
	return message{kindFailed, m.request, appendFailed(nil, c)}
}

// keepaliveLocked answers a KEEPALIVE, and moves the session to where it came
// from, if it proves to receive there and has not moved on since.
func (s *Server) keepaliveLocked(t *turn, p *session, m message) message {
	k, err := parseKeepalive(m.body)
	if err != nil {
		s.drops.malformed.Add(1)
		return message{}
	}
	if at := endpointOf(t.from); at != p.at && t.newest && k.token != 0 &&
		s.responder.cookies.checkToken(s.start.Add(t.now), k.token, p.index, at) {
		s.moveLocked(p, t.from)
	}
	return s.aliveLocked(t, p, m)
}

// standbyPatience is for how long after a server's start a process that stands by leaves
// the place to the one that had it before.
const standbyPatience = 10 * time.Second

// aliveLocked makes an ALIVE, or a REPLACED that stands for it.
func (s *Server) aliveLocked(t *turn, p *session, m message) message {
	p.told = s.intervalLocked()
	a := alive{seconds: p.told, observed: t.from}
	if at := endpointOf(t.from); at != p.at {
		if !s.stranger(t.now, t.from) {
			return message{}
		}
		a.token = s.responder.cookies.token(s.start.Add(t.now), p.index, at)
	}
	if p.standby() && t.now-p.since >= standbyPatience {
		s.registry.promote(p.guid)
	}
	k := kindAlive
	if p.standby() {
		k = kindReplaced
	}
	return message{k, m.request, pad(a.Append(nil), min(len(m.body), maxBody))}
}

func (s *Server) lookupLocked(t *turn, m message) message {
	l, err := parseLookup(m.body)
	if err != nil {
		return failed(m, CodeMalformed)
	}
	var o *session
	if l.instance != 0 {
		o = s.registry.process(l.guid, l.instance)
	} else {
		o = s.registry.callee(t.now, l.guid, l.takes)
	}
	if o == nil {
		return failed(m, CodeNotFound)
	}
	f := found{key: o.key, instance: o.instance, version: o.version}
	return message{kindFound, m.request, f.Append(nil)}
}

// introduceLocked calls the peer that is asked for, or repeats what was done
// for an earlier copy of the request.
func (s *Server) introduceLocked(t *turn, p *session, m message) message {
	r, err := parseIntroduce(m.body)
	if err != nil {
		return failed(m, CodeMalformed)
	}
	s.introductions.forget(t.now, s.relay.close)
	key := keyOf(p, m.request, r.data)
	if i := s.introductions.byRequest[key]; i != nil {
		if i.reply.kind == 0 {
			s.callLocked(t, i)
		}
		return i.reply
	}
	o := s.registry.process(r.guid, r.instance)
	if r.instance == 0 {
		o = s.registry.callee(t.now, r.guid, 0)
	}
	switch {
	case o == nil:
		return failed(m, CodeNotFound)
	case o == p:
		return failed(m, CodeMalformed)
	}
	if out := s.introductions.crowdedOut(o.index); out != nil {
		s.introductions.drop(out)
		s.relay.close(out.channel)
	}
	mine, theirs := s.relay.open(t.now, p, o)
	c := call{observed: p.at.observed(), channel: theirs, version: r.version, what: r.what, data: r.data}
	i := &introduction{key: key, callee: o.index, source: limit.SourceOf(p.at.addr().Addr()), made: t.now, channel: mine, call: c.Append(nil)}
	s.introductions.add(i)
	s.callLocked(t, i)
	return i.reply
}

// callLocked sends a CALL, or its repetition.
func (s *Server) callLocked(t *turn, i *introduction) {
	o := s.registry.get(i.callee)
	if o == nil {
		s.introductions.answer(i, failed(message{request: i.key.request}, CodeNotFound))
		s.relay.close(i.channel)
		return
	}
	if o.called == 0 {
		o.called = t.now
	}
	d := sealMessage(o, message{kindCall, i.number, i.call})
	t.others = append(t.others, outgoing{o.at.addr(), d})
}

// answerLocked passes the answer to a CALL on to the caller.
func (s *Server) answerLocked(t *turn, p *session, m message) {
	i := s.introductions.byNumber[m.request]
	if i == nil || i.callee != p.index {
		return // answered before, or not its own
	}
	reply := failed(message{request: i.key.request}, CodeRefused)
	if a, err := parseAnswer(m.body); m.kind == kindAnswer && err == nil {
		body := introduced{observed: p.at.observed(), channel: i.channel, data: a.data}
		reply = message{kindIntroduced, i.key.request, body.Append(nil)}
	} else {
		s.relay.close(i.channel)
		if c, err := parseFailed(m.body); m.kind == kindFailed && err == nil && c == CodeTooMany {
			reply = failed(message{request: i.key.request}, c)
		}
	}
	s.introductions.answer(i, reply)
	if caller := s.registry.get(i.key.caller); caller != nil {
		t.others = append(t.others, outgoing{caller.at.addr(), sealMessage(caller, reply)})
	}
}
