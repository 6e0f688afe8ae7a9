package link

import (
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"p2ptool/p2p/rtt"
)

// A tcp is an endless TCP flow through a bottleneck that is shared with links: a
// model of what a sender with SACK puts on the path. Each transmission has a
// number of its own, as in RACK (RFC 8985); of an endless flow it does not matter
// which bytes are in it. ACKs are not lost.
type tcp struct {
	neck  *bottleneck
	delay time.Duration // of the rest of the path, there and back
	cc    tcpControl

	mu        sync.Mutex
	stopped   bool
	flights   map[uint64]*tcpSegment
	next      uint64
	oldest    uint64 // no transmission before this one is in flight
	acked     uint64 // one more than the highest that has arrived
	recovery  uint64 // an episode of loss ends with this transmission
	bytes     int    // that have arrived
	inFlight  int
	trip      rtt.Estimator
	pace      time.Time // when the next may be sent
	pacer, at *time.Timer
}

// A tcpSegment is a transmission, with what bbr1 notes of it.
type tcpSegment struct {
	number                 uint64
	time                   time.Time
	delivered              uint64        // bytes delivered when it was sent
	deliveredAt, firstSent time.Duration // see tcpDelivery
}

// A tcpControl decides how much may be in flight and, unless pace is 0, at which
// distance in time.
type tcpControl interface {
	sent(now time.Time, p *tcpSegment, inFlight int)
	acked(now time.Time, p *tcpSegment, inFlight int, t *rtt.Estimator)
	lost(now time.Time) // once an episode
	timeout()
	window() float64 // segments
	pace() time.Duration
}

const (
	segment      = 1500 // bytes on the path
	tcpThreshold = 3    // RFC 6675
	minRTO       = 200 * time.Millisecond
)

// newTCP starts a flow, which ends with stop.
func newTCP(neck *bottleneck, delay time.Duration, cc tcpControl) *tcp {
	f := &tcp{neck: neck, delay: delay, cc: cc, flights: map[uint64]*tcpSegment{}}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pacer = time.AfterFunc(0, f.wake)
	f.at = time.AfterFunc(time.Second, f.expire)
	return f
}

func (f *tcp) stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stopped = true
	f.pacer.Stop()
	f.at.Stop()
}

// arrived returns how many bytes have.
func (f *tcp) arrived() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.bytes
}

func (f *tcp) wake() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.send()
}

// send sends what window and pace allow.
func (f *tcp) send() {
	now := time.Now()
	for !f.stopped && float64(f.inFlight/segment) < f.cc.window() {
		if f.pace.After(now) {
			f.pacer.Reset(f.pace.Sub(now))
			return
		}
		f.pace = now.Add(f.cc.pace())
		f.transmit(now)
	}
}

func (f *tcp) transmit(now time.Time) {
	p := &tcpSegment{number: f.next, time: now}
	f.cc.sent(now, p, f.inFlight)
	f.flights[f.next] = p
	f.next++
	f.inFlight += segment
	if took, ok := f.neck.pass(now, segment); ok {
		time.AfterFunc(took+f.delay, func() { f.ack(p) })
	}
}

func (f *tcp) ack(p *tcpSegment) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopped || f.flights[p.number] == nil {
		return
	}
	now := time.Now()
	f.forget(p)
	f.bytes += segment
	f.acked = max(f.acked, p.number+1)
	f.trip.Sample(now.Sub(p.time), 0)
	f.cc.acked(now, p, f.inFlight, &f.trip)
	f.detect(now)
	f.at.Reset(max(minRTO, f.trip.Smoothed+4*f.trip.Variance))
	f.send()
}

func (f *tcp) forget(p *tcpSegment) {
	delete(f.flights, p.number)
	f.inFlight -= segment
}

// detect declares lost what three later ones have overtaken.
func (f *tcp) detect(now time.Time) {
	for ; f.oldest+tcpThreshold < f.acked; f.oldest++ {
		p := f.flights[f.oldest]
		if p == nil {
			continue
		}
		f.forget(p)
		if p.number >= f.recovery {
			f.recovery = f.next
			f.cc.lost(now)
		}
	}
}

// expire is the retransmission timeout (RFC 6298).
func (f *tcp) expire() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopped {
		return
	}
	clear(f.flights)
	f.inFlight, f.oldest, f.recovery = 0, f.next, f.next
	f.cc.timeout()
	f.at.Reset(time.Second)
	f.send()
}

// cubic is RFC 9438, with the delay increase of HyStart++ (RFC 9406) to leave
// slow start, as Linux has it.
type cubic struct {
	cwnd, ssthresh    float64 // segments
	most, origin, est float64 // W_max, the window at which the epoch began, W_est
	epoch             time.Time
}

const (
	cubicC    = 0.4
	cubicBeta = 0.7
)

func newCubic() *cubic { return &cubic{cwnd: 10, ssthresh: math.Inf(1)} }

func (c *cubic) sent(time.Time, *tcpSegment, int) {}
func (c *cubic) window() float64                  { return c.cwnd }
func (c *cubic) pace() time.Duration              { return 0 }

func (c *cubic) acked(now time.Time, _ *tcpSegment, _ int, t *rtt.Estimator) {
	if c.cwnd < c.ssthresh {
		c.cwnd++
		if c.cwnd >= 16 && t.Latest > t.Min+min(max(t.Min/8, 4*time.Millisecond), 16*time.Millisecond) {
			c.ssthresh = c.cwnd
		}
		return
	}
	if c.epoch.IsZero() {
		c.epoch, c.origin, c.est = now, c.cwnd, c.cwnd
		c.most = max(c.most, c.cwnd)
	}
	k := math.Cbrt((c.most - c.origin) / cubicC)
	at := now.Add(t.Smoothed).Sub(c.epoch).Seconds()
	target := min(max(cubicC*math.Pow(at-k, 3)+c.most, c.cwnd), 1.5*c.cwnd)
	c.est += 3 * (1 - cubicBeta) / (1 + cubicBeta) / c.cwnd
	c.cwnd = max(c.cwnd+(target-c.cwnd)/c.cwnd, c.est)
}

func (c *cubic) lost(time.Time) {
	if c.cwnd < c.most { // fast convergence
		c.most = c.cwnd * (1 + cubicBeta) / 2
	} else {
		c.most = c.cwnd
	}
	c.cwnd = max(c.cwnd*cubicBeta, 2)
	c.ssthresh, c.epoch = c.cwnd, time.Time{}
}

func (c *cubic) timeout() {
	c.lost(time.Time{})
	c.cwnd = 1
}

// Alone, the models fill the path that they share with links elsewhere, and the
// queue as far as they are known to.
func TestTCPModels(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name        string
		cc          func() tcpControl
		least, most time.Duration // of the smoothed round trip
	}{
		{"CUBIC", func() tcpControl { return newCubic() }, 60 * time.Millisecond, 81 * time.Millisecond},
		{"BBR", func() tcpControl { return newBBR1(time.Now()) }, 40 * time.Millisecond, 52 * time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			neck := &bottleneck{rate: 50e6 / 8, queue: 40 * time.Millisecond}
			f := newTCP(neck, 40*time.Millisecond, c.cc())
			time.Sleep(5 * time.Second)
			before := f.arrived()
			time.Sleep(5 * time.Second)
			share := float64(f.arrived()-before) / 5 / neck.rate
			f.stop()
			time.Sleep(time.Second)
			if trip := f.trip.Smoothed; share < .93 || trip < c.least || trip > c.most {
				t.Errorf("%s carries %.2f of the rate in a round trip of %v", c.name, share, trip)
			}
		})
	}
}
