package congestion

// A phaseClass says whether a packet was sent above, at or below the rate that the path is known
// to carry.
type phaseClass uint8

const (
	classStartup phaseClass = iota
	classUp
	classCruise
	classDown
	classes
)

const (
	enoughOutcomes = 40  // to believe a share
	lossMemory     = 600 // packets of a class that it remembers, half of them faintly
	lossFloor      = 0.004
	lossMost       = 0.75
)

// A share counts packets and how many of them were lost.
type share struct{ all, lost float64 }

func (s share) known() bool    { return s.all >= enoughOutcomes }
func (s share) value() float64 { return s.lost / max(s.all, 1) }

func (s *share) add(lost bool) {
	s.all++
	if lost {
		s.lost++
	}
}

// fade gives the share the weight of at most that many packets.
func (s *share) fade(most float64) {
	if s.all > most {
		s.all, s.lost = most, s.lost*most/s.all
	}
}

// randomLoss distinguishes random loss from congestion. What is lost while less is sent than the
// path carries is random: sending still less would change nothing. What is lost only when more
// is sent is lost to a policer or a full queue. So random loss is the smaller of the shares that
// are lost at the path's rate and below it.
type randomLoss struct {
	of    [classes]share
	start share   // of the current rounds of startup
	least float64 // of the rounds of startup
	any   bool    // least is known
}

func (c *randomLoss) outcome(class phaseClass, lost bool) {
	s := &c.of[class]
	if s.add(lost); s.all > lossMemory {
		s.fade(lossMemory / 2)
	}
	if class == classStartup {
		c.start.add(lost)
	}
}

// regained takes a loss back.
func (c *randomLoss) regained(class phaseClass) {
	s := &c.of[class]
	s.lost = max(s.lost-1, 0)
}

// endRound ends a round of startup.
func (c *randomLoss) endRound() {
	if c.start.all < enoughOutcomes/2 {
		return
	}
	if v := c.start.value(); !c.any || v < c.least {
		c.least, c.any = v, true
	}
	c.start = share{}
}

// value returns the share that is lost at random.
func (c *randomLoss) value() float64 {
	v := c.least
	if s := c.of[classDown]; s.known() {
		v = s.value()
		if s := c.of[classCruise]; s.known() {
			v = min(v, s.value())
		}
	}
	if v < lossFloor {
		return 0
	}
	return min(v, lossMost)
}
