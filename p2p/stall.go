package p2p

import "context"

// A Stall describes, from one end of a link, why no data moves.
type Stall struct {
	Path Path // the path in use; its Kind is PathNone if none answers
	// Blocked says that flow control blocks this end: the peer has not read what it received.
	// Unsettled says that data was sent and not acknowledged yet.
	Blocked, Unsettled bool
}

// Outgoing reports whether data from this end does not reach the peer. Otherwise this end waits for the peer.
func (s Stall) Outgoing() bool { return s.Path.Kind == PathNone || s.Blocked || s.Unsettled }

// String returns the reason as a clause.
func (s Stall) String() string {
	why := "all that was sent has arrived, and the peer sends nothing"
	switch {
	case s.Path.Kind == PathNone:
		return "no path to the peer answers"
	case s.Blocked:
		why = "the peer does not take more data: its disk may be slow or full"
	case s.Unsettled:
		why = "what was sent does not arrive"
	}
	if limit := s.Path.Why(); limit != "" {
		why += "; " + limit
	}
	return why
}

// Stall returns why no data moves, as far as this end knows. The error is the link's or ctx's.
func (l *Link) Stall(ctx context.Context) (Stall, error) {
	s, err := l.inner.Survey(ctx)
	return Stall{l.Path(), s.Blocked, s.Unsettled}, err
}
