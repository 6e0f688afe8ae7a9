package endtoend

import (
	"testing"
	"time"

	"p2ptool/internal/natlab"
)

// lossy sets the loss of both users' access links. A packet from one user to the other
// crosses both.
func (s *scene) lossy(loss float64) {
	for _, r := range []*natlab.Router{s.routerA, s.routerB} {
		r.Link(natlab.Link{Delay: 5 * time.Millisecond, Jitter: 2 * time.Millisecond, Loss: loss})
	}
}

func TestLossyFile(t *testing.T) {
	t.Parallel()
	s := newScene(t, natlab.PortRestricted, natlab.PortRestricted)
	s.lossy(.05)
	s.pass(t, either[int64](4*mB, 1*mB), "direct")
}

func TestLossyChat(t *testing.T) {
	t.Parallel()
	s := newScene(t, natlab.PortRestricted, natlab.PortRestricted)
	s.lossy(.05)
	s.converse(t, either(2000, 200))
}
