package p2p

import (
	"fmt"
	"io"
	"log/slog"
	"time"

	"p2ptool/p2p/link/qlog"
	"p2ptool/p2p/rendezvous/client"
)

// Diagnostics say where a peer logs how it works. The zero value logs nothing, and costs nothing.
type Diagnostics struct {
	// Trace returns where to write the log of a link that is about to begin, in the format qlog
	// (see package qlog); nil, or a nil result: nowhere. It is called for links that others
	// begin, too, and must not block. The link closes what it returns.
	Trace func(LinkInfo) io.WriteCloser

	// Path receives what happens to the paths of links, Rendezvous what passes between the
	// peer and its server, both at level Debug; nil: nothing.
	Path, Rendezvous *slog.Logger
}

// LinkInfo describes a link that is about to begin.
type LinkInfo struct {
	Peer      GUID // the other end
	Initiator bool // this end began it
}

// trace returns the trace of a new link, nil for none. mine and theirs are the two ends' session indexes.
func (p *Peer) trace(info LinkInfo, mine, theirs uint32) *qlog.Trace {
	if p.opts.Diagnostics.Trace == nil {
		return nil
	}
	w := p.opts.Diagnostics.Trace(info)
	if w == nil {
		return nil
	}
	return qlog.New(w, qlog.Info{
		Title:     "p2ptool: link with " + info.Peer.String(),
		Group:     fmt.Sprintf("%08x%08x", min(mine, theirs), max(mine, theirs)),
		Initiator: info.Initiator,
	}, time.Now())
}

// pathLog returns the logger of a link's paths, nil for none.
func (p *Peer) pathLog(remote GUID) *slog.Logger {
	log := p.opts.Diagnostics.Path
	if log == nil {
		return nil
	}
	return log.With("peer", remote.String())
}

// logServer logs something that passes between the peer and its server.
func (p *Peer) logServer(message string, args ...any) {
	if log := p.opts.Diagnostics.Rendezvous; log != nil {
		log.Debug(message, args...)
	}
}

// logView logs how the server sees this host.
func (p *Peer) logView(message string, v client.View) {
	p.logServer(message, "v4", v.V4.Main, "v4_second_port", v.V4.Second, "v6", v.V6.Main, "stream", v.Stream)
}
