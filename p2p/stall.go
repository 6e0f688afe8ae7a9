package p2p

import "context"

// A Stall is what one end of a link knows of why nothing moves over it.
type Stall struct {
	Path Path // in use; its Kind is PathNone if none answers
	// Blocked says that the peer takes no more data, as it has not taken up what it has;
	// Unsettled that something which was sent has not arrived.
	Blocked, Unsettled bool
}

// Outgoing reports whether something from here does not get to the peer. Else it is the peer that
// is waited for.
func (s Stall) Outgoing() bool { return s.Path.Kind == PathNone || s.Blocked || s.Unsettled }

// String tells it as a clause.
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

// Stall tells why nothing moves, as far as this end knows. It returns the link's error, or ctx's.
func (l *Link) Stall(ctx context.Context) (Stall, error) {
	s, err := l.inner.Survey(ctx)
	return Stall{l.Path(), s.Blocked, s.Unsettled}, err
}
