package cmd

import (
	"fmt"

	"p2ptool/internal/config"
	"p2ptool/internal/terminal"
	"p2ptool/p2p"
)

// A reporter says what happens to a peer: to a person and as events.
type reporter struct {
	p     *program
	cfg   *config.Config
	quiet bool // events only
}

// tell is the OnEvent of a peer.
func (r *reporter) tell(e p2p.Event) {
	switch e := e.(type) {
	case p2p.Registered:
		r.note("registered at %s as %s", e.Server, r.cfg.GUID())
		r.p.out.event(registeredEvent{r.cfg.GUID().String(), e.Observed.String(), e.Server})
	case p2p.ServerLost:
		r.note("server %s does not answer, trying again", e.Server)
	case p2p.Replaced:
		r.p.out.note("another process with this key takes the calls from now on")
	case p2p.Connected:
		r.note("connected to %s: %s", nameOf(r.cfg, e.Link.Peer()), describe(e.Path))
		r.p.out.event(connectedEvent{fieldsOf(e.Link.Peer(), e.Path)})
	case p2p.PathChanged:
		r.note("path to %s is now %s", nameOf(r.cfg, e.Link.Peer()), describe(e.Path))
		r.p.out.event(pathEvent{fieldsOf(e.Link.Peer(), e.Path)})
	case p2p.Disconnected:
		r.disconnected(e)
	}
}

func (r *reporter) disconnected(e p2p.Disconnected) {
	reason := ""
	if e.Err != nil {
		reason = terminal.Visible(e.Err.Error())
	}
	r.note("link to %s ended: %s", nameOf(r.cfg, e.Link.Peer()), reason)
	r.p.out.event(disconnectedEvent{e.Link.Peer().String(), reason})
}

func (r *reporter) note(format string, args ...any) {
	if !r.quiet {
		r.p.out.note(format, args...)
	}
}

// describe says in words how packets travel.
func describe(path p2p.Path) string {
	return fmt.Sprintf("%s, %s, %s", path.Kind, path.Addr, terminal.Duration(path.RTT))
}
