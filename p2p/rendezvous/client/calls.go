package client

import (
	"net/netip"
	"time"

	"p2ptool/p2p/rendezvous"
)

// A Call is a peer that wants to be introduced. Who it is stands sealed in
// Data. It waits for Answer, Refuse or Drop, any of which may be called at once
// or later, from any goroutine, once.
type Call struct {
	Observed netip.AddrPort // the caller's address as the server sees it
	Channel  uint64         // of the relay; 0: none
	Version  byte           // of the link
	What     rendezvous.What
	Data     []byte

	client  *Client
	session uint32
	number  uint32
}

// Answer accepts the call. The data is sealed by the caller of Answer, and
// at most MaxIntroduction bytes long.
func (c *Call) Answer(data []byte) {
	c.reply(rendezvous.Message{Kind: rendezvous.KindAnswer, Request: c.number, Body: rendezvous.Answer{Data: data}.Append(nil)})
}

// Refuse refuses the call.
func (c *Call) Refuse() {
	c.reply(rendezvous.Message{Kind: rendezvous.KindFailed, Request: c.number, Body: rendezvous.AppendFailed(nil, rendezvous.CodeRefused)})
}

// Drop leaves the call alone for now: the server repeats it, and then it is a new one.
func (c *Call) Drop() { c.reply(rendezvous.Message{Request: c.number}) }

func (c *Call) reply(m rendezvous.Message) {
	c.client.mu.Lock()
	c.client.answers = append(c.client.answers, outgoingAnswer{c.session, m})
	c.client.mu.Unlock()
	select {
	case c.client.wake <- struct{}{}:
	default:
	}
}

// An outgoingAnswer is an answer and the session of the server that it is for.
type outgoingAnswer struct {
	session uint32
	message rendezvous.Message
}

const (
	// callMemory is for how long a repeated CALL is recognised; the server
	// repeats it for introductionLife at most.
	callMemory = rendezvous.IntroductionLife + 5*time.Second
	maxCalls   = 1024
)

// calls are those of the last callMemory, by request number.
type calls struct {
	byNumber map[uint32]*incomingCall
	oldest   []*incomingCall
}

type incomingCall struct {
	number uint32
	came   time.Time
	answer rendezvous.Message // kind 0: none yet
}

func newCalls() calls { return calls{byNumber: make(map[uint32]*incomingCall)} }

// answer notes the answer to a call and reports whether to send it.
func (t *calls) answer(m rendezvous.Message) bool {
	i := t.byNumber[m.Request]
	switch {
	case i == nil || i.answer.Kind != 0:
		return false
	case m.Kind == 0: // dropped
		delete(t.byNumber, m.Request)
		return false
	}
	i.answer = m
	return true
}

// add notes a call that came. Of too many the oldest is forgotten, whose answer, if there is one,
// the server has had by then.
func (t *calls) add(i *incomingCall) {
	t.byNumber[i.number] = i
	if t.oldest = append(t.oldest, i); len(t.oldest) > maxCalls {
		t.forgetOldest()
	}
}

func (t *calls) forgetOldest() {
	if i := t.oldest[0]; t.byNumber[i.number] == i {
		delete(t.byNumber, i.number)
	}
	t.oldest[0] = nil
	t.oldest = t.oldest[1:]
}

func (t *calls) forget(now time.Time) {
	for len(t.oldest) > 0 && now.Sub(t.oldest[0].came) >= callMemory {
		t.forgetOldest()
	}
}

// call takes a CALL: a new one is passed up, a repeated one is answered in the
// same way, if it has been answered.
func (k *keeper) call(now time.Time, m rendezvous.Message) {
	b, err := rendezvous.ParseCall(m.Body)
	if err != nil || m.Request == 0 {
		return
	}
	if i := k.calls.byNumber[m.Request]; i != nil {
		if i.answer.Kind != 0 {
			k.send(i.answer)
		}
		return
	}
	k.calls.add(&incomingCall{number: m.Request, came: now})
	call := &Call{
		Observed: b.Observed, Channel: b.Channel, Version: b.Version, What: b.What, Data: b.Data,
		client: k.c, session: k.session.Index, number: m.Request,
	}
	if k.c.config.OnCall == nil {
		call.Refuse()
		return
	}
	k.c.config.OnCall(call)
}
