package cmd

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"p2ptool/internal/config"
	"p2ptool/internal/terminal"
	"p2ptool/p2p"
)

// A reporter prints a peer's events, as text and as JSON. Several links with the same other peer,
// such as one for each of its processes, appear as one: connected when the first is up, with the
// path of the oldest, disconnected when the last has ended.
type reporter struct {
	p     *program
	cfg   *config.Config
	role  role
	links map[p2p.GUID][]*p2p.Link // those that are up and reported, oldest first

	strangers messageLimit
	hidden    int // connections of strangers beyond the limit, since one was last reported
}

// settling bounds the wait for the reports of a link's transfers and chats before that of its end.
const settling = 2 * time.Second

// onEvent reports an event of the peer.
func (r *reporter) onEvent(e p2p.Event) {
	switch e := e.(type) {
	case p2p.Registered:
		by := ""
		if e.TLS {
			by = ", over TLS"
		}
		r.presence("registered with %s as %s%s", e.Server, r.cfg.GUID(), by)
		r.p.out.event(registeredEvent{r.cfg.GUID().String(), e.Observed.String(), e.Server, e.TLS})
		if r.role.registered != nil {
			r.role.registered()
		}
	case p2p.ServerLost:
		r.note("server %q does not answer; trying again", e.Server)
	case p2p.ServerRefused:
		r.serverRefused(e)
	case p2p.Incompatible:
		r.note("a peer at %s %s", e.Addr, e.Error)
		r.p.out.event(incompatibleEvent{Addr: e.Addr.String(), Theirs: e.Error.Theirs, Ours: e.Error.Ours})
	case p2p.Replaced:
		r.p.out.note("another process with this key now receives incoming connections")
	case p2p.Restored:
		r.p.out.note("the other process with this key has ended; this one receives incoming connections again")
	case p2p.Connected:
		r.connected(e)
	case p2p.PathLost:
		if r.first(e.Link) {
			r.note("lost the path to %s, looking for another", nameOf(r.cfg, e.Link.Peer()))
			r.p.out.event(pathEvent{r.p.fieldsOf(e.Link.Peer(), e.Link.Path())})
		}
	case p2p.PathChanged:
		if r.first(e.Link) {
			r.path(e.Link, e.Path)
		}
	case p2p.Disconnected:
		r.p.activities.settle(e.Link, settling)
		r.disconnected(e)
	}
}

func (r *reporter) serverRefused(e p2p.ServerRefused) {
	if v, ok := errors.AsType[*p2p.VersionError](e.Err); ok {
		r.p.out.note("%s; trying again", terminal.Visible(e.Err.Error()))
		r.p.out.event(incompatibleEvent{Server: e.Server, Theirs: v.Theirs, Ours: v.Ours})
		return
	}
	r.p.out.note("%s; trying again until the server has the expected key", terminal.Visible(e.Err.Error()))
}

// first reports whether a link is the oldest one with its peer, whose path is reported.
func (r *reporter) first(l *p2p.Link) bool {
	links := r.links[l.Peer()]
	return len(links) > 0 && links[0] == l
}

func (r *reporter) path(l *p2p.Link, path p2p.Path) {
	r.note("path to %s is now %s", nameOf(r.cfg, l.Peer()), describe(path))
	r.p.out.event(pathEvent{r.p.fieldsOf(l.Peer(), path)})
}

func (r *reporter) connected(e p2p.Connected) {
	if r.links == nil {
		r.links = make(map[p2p.GUID][]*p2p.Link)
	}
	peer := e.Link.Peer()
	if len(r.links[peer]) == 0 && r.hides(e.Link) {
		return
	}
	r.links[peer] = append(r.links[peer], e.Link)
	if len(r.links[peer]) > 1 {
		return
	}
	r.note("connected to %s: %s", nameOf(r.cfg, peer), describe(e.Path))
	r.p.out.event(connectedEvent{r.p.fieldsOf(peer, e.Path)})
}

// hides reports whether a new connection is not to be reported: it is a stranger's, and there were too many.
func (r *reporter) hides(l *p2p.Link) bool {
	if r.role.calling || r.role.knows(r.cfg)(l.Peer()) {
		return false
	}
	if !r.strangers.allow(connectionRate) {
		r.hidden++
		return true
	}
	if r.hidden > 0 {
		r.note("%d more connections of unknown peers were not shown", r.hidden)
		r.hidden = 0
	}
	return false
}

func (r *reporter) disconnected(e p2p.Disconnected) {
	peer, was := e.Link.Peer(), r.first(e.Link)
	if !slices.Contains(r.links[peer], e.Link) {
		return // it was hidden
	}
	left := slices.DeleteFunc(r.links[peer], func(l *p2p.Link) bool { return l == e.Link })
	if r.links[peer] = left; len(left) > 0 {
		if was && left[0].Path().Kind != e.Link.Path().Kind {
			r.path(left[0], left[0].Path())
		}
		return
	}
	delete(r.links, peer)
	reason := ""
	closed, ok := errors.AsType[*p2p.CloseError](e.Err)
	regular := ok && closed.Code == p2p.CodeDone && closed.Reason == ""
	switch {
	case regular:
		r.presence("link to %s ended", nameOf(r.cfg, peer))
	case e.Err != nil:
		reason = terminal.Visible(e.Err.Error())
		r.note("link to %s ended: %s", nameOf(r.cfg, peer), reason)
	}
	r.p.out.event(disconnectedEvent{r.p.who(peer), reason})
}

// note prints a line, unless the command is quiet.
func (r *reporter) note(format string, args ...any) {
	if !r.role.quiet {
		r.p.out.note(format, args...)
	}
}

// presence prints a line that only matters to a command that accepts calls.
func (r *reporter) presence(format string, args ...any) {
	if !r.role.calling && !r.role.joining {
		r.note(format, args...)
	}
}

// describe returns a path in words.
func describe(path p2p.Path) string {
	s := fmt.Sprintf("%s, %s, %s", path.Kind, path.Addr, terminal.Duration(path.RTT))
	if path.Limit > 0 {
		s += fmt.Sprintf(", carries packets of at most %d bytes", path.Limit)
	}
	return s
}
