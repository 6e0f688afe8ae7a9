package terminal

import "time"

// rateWindow is the number of samples that a rate is measured over.
const rateWindow = 20

// A meter measures the recent rate. The zero value is ready.
type meter struct {
	samples [rateWindow]sample // a ring
	n       int                // samples added so far
}

type sample struct {
	at   time.Time
	done int64
}

// add adds a sample. If done has decreased, the meter restarts.
func (m *meter) add(now time.Time, done int64) {
	if m.n > 0 && done < m.newest().done {
		*m = meter{}
	}
	m.samples[m.n%rateWindow] = sample{now, done}
	m.n++
}

func (m *meter) newest() sample { return m.samples[(m.n-1)%rateWindow] }

// rate returns the bytes per second over the window, or 0 with too few samples.
func (m *meter) rate() float64 {
	if m.n < 2 {
		return 0
	}
	first, last := m.samples[0], m.newest()
	if m.n > rateWindow {
		first = m.samples[m.n%rateWindow]
	}
	passed := last.at.Sub(first.at).Seconds()
	if passed <= 0 {
		return 0
	}
	return float64(last.done-first.done) / passed
}
