package p2p

import (
	"context"
	"errors"
	"time"

	"p2ptool/p2p/path"
	"p2ptool/p2p/rendezvous"
	"p2ptool/p2p/rendezvous/client"
)

const (
	reunionFirst = 2 * time.Second
	reunionLast  = 30 * time.Second

	replacedPatience = 2 * time.Second // for a process of which there is a newer one
)

// onTrouble is told, by the link's loop, that the path in use does not answer.
func (l *Link) onTrouble() {
	p := l.peer
	if p.client != nil {
		p.client.RefreshNow() // our own address may have changed
	}
	l.suspect()
	l.troubled.Store(time.Now().UnixNano())
	p.spawn(p.renew)
	if p.client == nil || l.Path().Kind != path.None {
		return
	}
	now := time.Now()
	l.mu.Lock()
	wait := min(reunionFirst<<min(l.reunions, 10), reunionLast)
	due := l.told && now.Sub(l.reunited) >= wait
	if due {
		l.reunited = now
		l.reunions++
	}
	l.mu.Unlock()
	if due {
		p.spawn(func() { p.seek(l) })
	}
}

// seek has the server introduce the two ends of a link anew. Where the other
// end's process has given way to another one that answers, and does not answer
// itself, the link is over.
func (p *Peer) seek(l *Link) {
	patience := reunionLast
	replaced := false
	if l.serves() {
		ctx, cancel := context.WithTimeout(p.ctx, replacedPatience)
		replaced, _ = l.succeeded(ctx)
		cancel()
	}
	if replaced {
		patience = replacedPatience
	}
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	answer, err := l.introduceAgain(ctx, l.instance)
	switch {
	case err == nil:
		p.reunite(l, answer.Observed, answer.Channel)
	case replaced, errors.Is(err, client.ErrRefused): // there, and does not know the link
		l.inner.Abandon(ErrGone)
	}
}

// introduceAgain asks the server to introduce a link that exists to a process of the other
// peer. One that does not have the link refuses.
func (l *Link) introduceAgain(ctx context.Context, instance uint64) (client.Introduced, error) {
	p := l.peer
	return p.client.Introduce(ctx, client.Introduction{
		GUID: l.remote, Instance: instance, Version: p.opts.version,
		What: rendezvous.WhatOldLink, Data: l.inner.SealCandidates(p.candidates()),
	})
}

// tellCandidates tells all links where this peer may be reached from now on.
func (p *Peer) tellCandidates() {
	cs := p.candidates()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.sessions {
		l.SetCandidates(cs)
	}
}
