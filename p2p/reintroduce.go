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
	reintroduceFirst = 2 * time.Second
	reintroduceLast  = 30 * time.Second

	replacedPatience = 2 * time.Second // for the other end, if there is a newer process
)

// onTrouble is called by the link's loop while the path in use does not answer, at most once a second.
func (l *Link) onTrouble() {
	p := l.peer
	if p.client != nil {
		p.client.RefreshNow() // our own address may have changed
	}
	l.checkReplaced()
	l.troubled.Store(time.Now().UnixNano())
	p.spawn(p.renew)
	if p.client == nil || l.Path().Kind != path.None {
		return
	}
	now := time.Now()
	l.mu.Lock()
	wait := min(reintroduceFirst<<min(l.reintroduction.count, 10), reintroduceLast)
	due := l.reported.connected && now.Sub(l.reintroduction.last) >= wait
	if due {
		l.reintroduction.last = now
		l.reintroduction.count++
	}
	l.mu.Unlock()
	if due {
		p.spawn(func() { p.reintroduce(l) })
	}
}

// reintroduce asks the server to introduce the two ends of a link again. It ends the link if the other end's process
// does not have it any more: if that process refuses, or if it does not answer while a newer one does.
func (p *Peer) reintroduce(l *Link) {
	patience := reintroduceLast
	replaced := false
	if l.receivesCalls() {
		ctx, cancel := context.WithTimeout(p.ctx, replacedPatience)
		replaced, _ = l.wasReplaced(ctx)
		cancel()
	}
	if replaced {
		patience = replacedPatience
	}
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	answer, err := l.requestReintroduction(ctx, l.remote.instance)
	switch {
	case err == nil:
		p.addReintroduced(l, answer.Observed, answer.Channel)
	case replaced, errors.Is(err, client.ErrRefused): // it is online, but does not have the link
		l.inner.Abandon(ErrGone)
	}
}

// requestReintroduction asks the server to introduce this end of the link to a process of the other peer. A process that
// does not have the link refuses.
func (l *Link) requestReintroduction(ctx context.Context, instance uint64) (client.Introduced, error) {
	p := l.peer
	return p.client.Introduce(ctx, client.Introduction{
		GUID: l.remote.guid, Instance: instance, Version: p.opts.version,
		What: rendezvous.WhatOldLink, Data: l.inner.SealCandidates(p.candidates()),
	})
}

// announceCandidates sends this peer's current candidates over all links.
func (p *Peer) announceCandidates() {
	cs := p.candidates()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.sessions {
		l.SetCandidates(cs)
	}
}
