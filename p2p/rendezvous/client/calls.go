package client

import (
	"net/netip"
	"time"

	"p2ptool/p2p/rendezvous"
)

// A Call is the request of another peer to be introduced. The peer's identity is sealed in Data. One of Answer,
// Refuse and Drop has to be called once, at any time and from any goroutine.
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

// Answer accepts the call with data that is sealed for the caller, at most MaxIntroduction bytes.
func (c *Call) Answer(data []byte) {
	c.reply(rendezvous.Message{Kind: rendezvous.KindAnswer, Request: c.number, Body: rendezvous.Answer{Data: data}.Append(nil)})
}

// Refuse refuses the call.
func (c *Call) Refuse() {
	c.reply(rendezvous.Message{Kind: rendezvous.KindFailed, Request: c.number, Body: rendezvous.AppendFailed(nil, rendezvous.CodeRefused)})
}

// Drop ignores the call: the server repeats it, and the repetition is a new Call.
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

// An outgoingAnswer is the answer to a call of a session.
type outgoingAnswer struct {
	session uint32
	message rendezvous.Message
}

const (
	// callMemory is how long a repeated CALL is recognized: longer than the server repeats it.
	callMemory = rendezvous.IntroductionLife + 5*time.Second
	maxCalls   = 1024
)

// calls are the CALLs of the last callMemory, by request number.
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

// answer records the answer to a call and reports whether to send it.
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

// add records a call. Beyond maxCalls the oldest is forgotten, which was answered long ago.
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

// call handles a CALL: a new one is passed to OnCall, the answer to a repeated one is sent again.
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
