package link

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// lossy tells a chance of packets of a class, of which a share is lost.
func lossy(c *chance, rnd *rand.Rand, class phaseClass, n int, share float64) {
	for range n {
		c.outcome(class, rnd.Float64() < share)
	}
}

func TestChance(t *testing.T) {
	for _, c := range []struct {
		name             string
		up, cruise, down float64 // shares that are lost
		want             float64
	}{
		{"nothing is lost", 0, 0, 0, 0},
		{"a little by chance", .01, .01, .01, .01},
		{"much by chance", .5, .5, .5, .5},
		{"a policer: only what is too much", .2, .03, 0, 0},
		{"a policer, and some by chance", .3, .15, .1, .1},
		{"a full queue of others, too", .4, .2, .05, .05},
	} {
		t.Run(c.name, func(t *testing.T) {
			var ch chance
			rnd := rand.New(rand.NewPCG(1, 2))
			for range 20 {
				lossy(&ch, rnd, classUp, 100, c.up)
				lossy(&ch, rnd, classCruise, 600, c.cruise)
				lossy(&ch, rnd, classDown, 100, c.down)
			}
			if got := ch.value(); math.Abs(got-c.want) > 0.04 {
				t.Errorf("%.3f is lost by chance, want %.3f", got, c.want)
			}
		})
	}
}

// What was lost while too much was sent is forgotten once less is lost: a share
// that was once thought to be chance does not justify itself.
func TestChanceForgets(t *testing.T) {
	var c chance
	rnd := rand.New(rand.NewPCG(1, 2))
	lossy(&c, rnd, classCruise, 1000, .5)
	lossy(&c, rnd, classDown, 1000, .5)
	for i := range 6 {
		// Sending 1/(1-v) of the rate: of it that much is lost, a quarter less
		// when a quarter less is sent.
		v := c.value()
		lossy(&c, rnd, classCruise, 600, v)
		lossy(&c, rnd, classDown, 600, max(0, 1-(1-v)/downGain))
		if i == 5 && c.value() > 0.05 {
			t.Errorf("after six rounds still %.2f", c.value())
		}
	}
}

// The rate of delivery is that of the narrower of the two ways, and not what
// little there was to send.
func TestDeliveryRate(t *testing.T) {
	const ms = time.Millisecond
	start := time.Unix(100, 0)
	d := delivery{began: start}
	var sent []sentPacket
	for i := range 20 {
		p := sentPacket{size: 1000, time: start.Add(time.Duration(i) * ms)}
		d.sent(p.time, &p, i*1000)
		sent = append(sent, p)
	}
	var best float64
	for i := range sent {
		// One is sent each millisecond, and one arrives every two.
		rate := d.acked(start.Add(50*ms+time.Duration(2*i)*ms), &sent[i], 50*ms)
		best = max(best, rate)
	}
	if best == 0 || best > 1000/0.002 {
		t.Errorf("the rate is %.0f B/s", best)
	}
	late := sentPacket{size: 1000, time: start.Add(time.Second)}
	d.idle(0)
	d.sent(late.time, &late, 0)
	if !late.flight.idle {
		t.Error("a packet that was sent for want of others tells the path's rate")
	}
	if rate := d.acked(start.Add(1050*ms), &late, 50*ms); rate < 19_000 || rate > 21_000 {
		t.Errorf("one packet in a round trip: %.0f B/s", rate)
	}
}
