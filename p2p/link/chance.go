package link

// phaseClass says whether a packet was sent above, at or below the rate that
// the path is known to carry.
type phaseClass uint8

const (
	classStart phaseClass = iota
	classUp
	classCruise
	classDown
	classes
)

const (
	enoughOutcomes = 40  // to believe a share
	chanceMemory   = 600 // packets of a class that it remembers, half of them faintly
	chanceFloor    = 0.004
	chanceMost     = 0.75
)

// A share is how many of some packets were lost.
type share struct{ all, lost float64 }

func (s share) known() bool    { return s.all >= enoughOutcomes }
func (s share) value() float64 { return s.lost / max(s.all, 1) }

func (s *share) add(lost bool) {
	s.all++
	if lost {
		s.lost++
	}
}

// fade makes the share weigh no more than that of so many packets.
func (s *share) fade(most float64) {
	if s.all > most {
		s.all, s.lost = most, s.lost*most/s.all
	}
}

// chance tells loss by chance from loss by congestion. What is lost although
// less is sent than the path carries is lost by chance, and sending still less
// would change nothing; what is lost only when more is sent is lost to a policer
// or a full queue. So chance is the smallest share that is lost over the ways of
// sending: at the rate, and below it.
type chance struct {
	of    [classes]share
	start share   // of the present rounds of the start
	least float64 // of the start's rounds
	any   bool    // least is known
}

func (c *chance) outcome(class phaseClass, lost bool) {
	s := &c.of[class]
	if s.add(lost); s.all > chanceMemory {
		s.fade(chanceMemory / 2)
	}
	if class == classStart {
		c.start.add(lost)
	}
}

// regained takes back a loss.
func (c *chance) regained(class phaseClass) {
	s := &c.of[class]
	s.lost = max(s.lost-1, 0)
}

// endRound is told that a round of the start is over.
func (c *chance) endRound() {
	if c.start.all < enoughOutcomes/2 {
		return
	}
	if v := c.start.value(); !c.any || v < c.least {
		c.least, c.any = v, true
	}
	c.start = share{}
}

// value returns the share that is lost by chance.
func (c *chance) value() float64 {
	v := c.least
	if s := c.of[classDown]; s.known() {
		v = s.value()
		if s := c.of[classCruise]; s.known() {
			v = min(v, s.value())
		}
	}
	if v < chanceFloor {
		return 0
	}
	return min(v, chanceMost)
}
