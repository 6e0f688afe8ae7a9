package link

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"p2ptool/p2p/link/qlog"
	"p2ptool/p2p/noise"
	"p2ptool/p2p/udp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A testNetwork is a pair of links and the network between them, in virtual time.
// Its fields, but for those of the rate, may be changed under mu while it carries.
type testNetwork struct {
	t    *testing.T
	a, b *Link

	mu        sync.Mutex
	rnd       *rand.Rand
	mtu       int // the longest datagram that is carried; at most copyBelow
	delay     time.Duration
	jitter    time.Duration
	tick      time.Duration // at multiples of which packets arrive; 0: at any time
	loss      float64
	duplicate float64
	rate      float64         // bytes per second; 0: no limit
	queue     time.Duration   // that the rate may put before a packet
	policer   bool            // it puts none there
	shared    *bottleneck     // what a sends meets it, among others, instead
	cut       map[uint16]bool // ports that no packet goes to or comes from
	sent      map[uint16]int  // datagrams by port
	drop      func(from int, d []byte) bool
	lanes     [2]lane
	trouble   int
	trace     func(end int) *qlog.Trace // of each end; nil: none
	paths     []Path                    // with which OnPath of a was called
}

// newWire connects two links by one path, that of port 1.
func newTestNetwork(t *testing.T, change func(*testNetwork)) *testNetwork {
	w := &testNetwork{t: t, rnd: rand.New(rand.NewPCG(1, 2)), delay: 25 * time.Millisecond, mtu: 1472, cut: map[uint16]bool{}, sent: map[uint16]int{}}
	if change != nil {
		change(w)
	}
	for end := range w.lanes {
		w.lanes[end].neck = &bottleneck{rate: w.rate, queue: w.queue, policer: w.policer}
	}
	if w.shared != nil {
		w.lanes[1].neck = w.shared
	}
	var s noise.Secrets
	s.Send[0], s.Receive[0] = 1, 2
	config := func(end int, s noise.Secrets) Config {
		var trace *qlog.Trace
		if w.trace != nil {
			trace = w.trace(end)
		}
		return Config{
			Trace:     trace,
			Initiator: end == 0, Secrets: s, Index: 1, Loopback: true,
			Route:  func(a netip.AddrPort) (Route, bool) { return w.route(end, a.Port(), 0), true },
			Own:    func(netip.Addr) bool { return false },
			OnPath: func(p Path) { w.onPath(end, p) },
			OnTrouble: func() {
				w.mu.Lock()
				w.trouble++
				w.mu.Unlock()
			},
		}
	}
	w.a = New(config(0, s))
	w.b = New(config(1, noise.Secrets{Send: s.Receive, Receive: s.Send}))
	w.connect(1, 0)
	return w
}

// connect lets each end know the path of a port.
func (w *testNetwork) connect(port uint16, channel uint64) {
	for end, l := range []*Link{w.a, w.b} {
		if r := w.route(end, port, channel); channel != 0 {
			l.AddRelay(r)
		} else {
			l.AddCandidates(r.Addr, nil, 0)
		}
	}
}

func (w *testNetwork) onPath(end int, p Path) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if end == 0 {
		w.paths = append(w.paths, p)
	}
}

func (w *testNetwork) close() {
	w.a.Close(CodeDone, "")
	<-w.b.Done()
}

// A networkConn is one end's socket.
type networkConn struct {
	w   *testNetwork
	end int
}

var networkConns sync.Map // so that equal routes have equal sockets

func (w *testNetwork) route(end int, port uint16, channel uint64) Route {
	c, _ := networkConns.LoadOrStore(networkConn{w, end}, &networkConn{w, end})
	return Route{c.(*networkConn), netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), port), channel}
}

func (c *networkConn) Read([]udp.Batch) (int, error)       { select {} }
func (c *networkConn) WriteTTL(b udp.Batch, ttl int) error { return nil } // dies on the way
func (c *networkConn) LocalAddr() netip.AddrPort           { return netip.AddrPort{} }
func (c *networkConn) Close() error                        { return nil }

// Write carries datagrams to the other end.
func (c *networkConn) Write(b udp.Batch) error {
	b.Datagrams(func(d []byte) { c.w.carry(c.end, b.Addr.Port(), d) })
	return nil
}

// A crossing is a datagram on its way.
type crossing struct {
	due  time.Time
	left time.Time // the bottleneck
	port uint16
	data []byte
}

// A lane is the way to one end.
type lane struct {
	queue []crossing // by the time they arrive
	timer *time.Timer
	neck  *bottleneck
}

func (w *testNetwork) carry(from int, port uint16, d []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent[port]++
	for range 1 + w.draw(w.duplicate) {
		if w.cut[port] || len(d) > w.mtu || w.draw(w.loss) == 1 || w.drop != nil && w.drop(from, d) {
			continue
		}
		now := time.Now()
		late := w.delay + time.Duration(w.rnd.Float64()*float64(w.jitter))
		lane := &w.lanes[1-from]
		took, ok := lane.neck.pass(now, len(d))
		if !ok {
			continue
		}
		due := now.Add(late + took)
		if w.tick > 0 {
			due = due.Truncate(w.tick).Add(w.tick)
		}
		w.dispatch(1-from, crossing{due, now.Add(took), port, bytes.Clone(d)})
	}
}

// setRate changes the rate of both directions, and what queue it puts before a packet.
// What waits in a queue meets the new rate if slow says so, else it still leaves at
// the old one.
func (w *testNetwork) setRate(rate float64, queue time.Duration, slow bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	for end := range w.lanes {
		lane := &w.lanes[end]
		factor := lane.neck.setRate(now, rate, queue, slow)
		for i := range lane.queue {
			c := &lane.queue[i]
			if wait := c.left.Sub(now); wait > 0 {
				later := time.Duration(float64(wait)*factor) - wait
				c.left, c.due = c.left.Add(later), c.due.Add(later)
			}
		}
		if lane.timer != nil && len(lane.queue) > 0 {
			lane.timer.Reset(lane.queue[0].due.Sub(now))
		}
	}
}

// dispatch puts a datagram behind all that are due no later: what leaves at
// one instant must not be shuffled, as it would be with a timer each.
func (w *testNetwork) dispatch(end int, c crossing) {
	lane := &w.lanes[end]
	i := len(lane.queue)
	for i > 0 && lane.queue[i-1].due.After(c.due) {
		i--
	}
	lane.queue = slices.Insert(lane.queue, i, c)
	if i > 0 {
		return
	}
	if lane.timer == nil {
		lane.timer = time.AfterFunc(time.Until(c.due), func() { w.arrive(end) })
	} else {
		lane.timer.Reset(time.Until(c.due))
	}
}

// arrive hands over all datagrams that are due.
func (w *testNetwork) arrive(end int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	lane := &w.lanes[end]
	now := time.Now()
	n := 0
	for ; n < len(lane.queue) && !lane.queue[n].due.After(now); n++ {
		w.deliver(end, lane.queue[n])
	}
	lane.queue = lane.queue[n:]
	if len(lane.queue) > 0 {
		lane.timer.Reset(lane.queue[0].due.Sub(now))
	}
}

var unused udp.Buffer

func (w *testNetwork) deliver(end int, c crossing) {
	l, r, d := []*Link{w.a, w.b}[end], w.route(end, c.port, 0), c.data
	if d[0] == typeRelay {
		r.Channel, d = 7, d[relayHead:]
	}
	// So short a batch is copied, and its buffer left alone.
	l.Deliver(r, udp.Batch{Addr: r.Addr, Data: d, Size: len(d), Buf: &unused})
}

// draw returns 1 with probability p, else 0.
func (w *testNetwork) draw(p float64) int {
	if w.rnd.Float64() < p {
		return 1
	}
	return 0
}

func (w *testNetwork) set(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

// run runs a test in virtual time, between two links.
func run(t *testing.T, change func(*testNetwork), f func(t *testing.T, w *testNetwork)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newTestNetwork(t, change)
		f(t, w)
		w.close()
		time.Sleep(time.Minute) // packets that are on their way return their buffers
	})
}
