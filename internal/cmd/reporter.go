package cmd

import (
	"errors"
	"fmt"

	"p2ptool/internal/config"
	"p2ptool/internal/terminal"
	"p2ptool/p2p"
)

// A reporter says what happens to a peer: to a person and as events.
type reporter struct {
	p    *program
	cfg  *config.Config
	role role
}

// tell is the OnEvent of a peer.
func (r *reporter) tell(e p2p.Event) {
	switch e := e.(type) {
	case p2p.Registered:
		by := ""
		if e.TLS {
			by = ", by TLS over TCP"
		}
		r.presence("registered at %s as %s%s", e.Server, r.cfg.GUID(), by)
		r.p.out.event(registeredEvent{r.cfg.GUID().String(), e.Observed.String(), e.Server, e.TLS})
	case p2p.ServerLost:
		r.note("server %s does not answer, trying again", e.Server)
	case p2p.Replaced:
		r.p.out.note("another process with this key takes the calls, as long as it runs")
	case p2p.Restored:
		r.p.out.note("the other process with this key has gone, this one takes the calls again")
	case p2p.Connected:
		r.note("connected to %s: %s", nameOf(r.cfg, e.Link.Peer()), describe(e.Path))
		r.p.out.event(connectedEvent{fieldsOf(e.Link.Peer(), e.Path)})
	case p2p.PathLost:
		r.note("no path to %s answers, looking for another", nameOf(r.cfg, e.Link.Peer()))
		r.p.out.event(pathEvent{fieldsOf(e.Link.Peer(), e.Link.Path())})
	case p2p.PathChanged:
		r.note("path to %s is now %s", nameOf(r.cfg, e.Link.Peer()), describe(e.Path))
		r.p.out.event(pathEvent{fieldsOf(e.Link.Peer(), e.Path)})
	case p2p.Disconnected:
		r.disconnected(e)
	}
}

func (r *reporter) disconnected(e p2p.Disconnected) {
	reason := ""
	closed, ok := errors.AsType[*p2p.CloseError](e.Err)
	regular := ok && closed.Code == p2p.CodeDone && closed.Reason == ""
	switch {
	case regular:
		r.presence("link to %s ended", nameOf(r.cfg, e.Link.Peer()))
	case e.Err != nil:
		reason = terminal.Visible(e.Err.Error())
		r.note("link to %s ended: %s", nameOf(r.cfg, e.Link.Peer()), reason)
	}
	r.p.out.event(disconnectedEvent{e.Link.Peer().String(), reason})
}

// note says what concerns every command.
func (r *reporter) note(format string, args ...any) {
	if !r.role.quiet {
		r.p.out.note(format, args...)
	}
}

// presence says what concerns those that are there to be called.
func (r *reporter) presence(format string, args ...any) {
	if !r.role.calling {
		r.note(format, args...)
	}
}

// describe says in words how packets travel.
func describe(path p2p.Path) string {
	return fmt.Sprintf("%s, %s, %s", path.Kind, path.Addr, terminal.Duration(path.RTT))
}
