package congestion

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// recordLosses records n packets of a class of which a share is lost.
func recordLosses(c *randomLoss, rnd *rand.Rand, class phaseClass, n int, share float64) {
	for range n {
		c.outcome(class, rnd.Float64() < share)
	}
}

func TestRandomLoss(t *testing.T) {
	for _, c := range []struct {
		name             string
		up, cruise, down float64 // shares that are lost
		want             float64
	}{
		{"nothing is lost", 0, 0, 0, 0},
		{"a little random loss", .01, .01, .01, .01},
		{"much random loss", .5, .5, .5, .5},
		{"a policer: only what is too much", .2, .03, 0, 0},
		{"a policer, and some random loss", .3, .15, .1, .1},
		{"a full queue of others, too", .4, .2, .05, .05},
	} {
		t.Run(c.name, func(t *testing.T) {
			var ch randomLoss
			rnd := rand.New(rand.NewPCG(1, 2))
			for range 20 {
				recordLosses(&ch, rnd, classUp, 100, c.up)
				recordLosses(&ch, rnd, classCruise, 600, c.cruise)
				recordLosses(&ch, rnd, classDown, 100, c.down)
			}
			if got := ch.value(); math.Abs(got-c.want) > 0.04 {
				t.Errorf("random loss is %.3f, want %.3f", got, c.want)
			}
		})
	}
}

// What was lost while too much was sent is forgotten once less is lost: a share that was once
// taken for random loss does not keep itself up.
func TestRandomLossForgets(t *testing.T) {
	var c randomLoss
	rnd := rand.New(rand.NewPCG(1, 2))
	recordLosses(&c, rnd, classCruise, 1000, .5)
	recordLosses(&c, rnd, classDown, 1000, .5)
	for i := range 6 {
		// Sending 1/(1-v) of the rate: of it that much is lost, a quarter less
		// when a quarter less is sent.
		v := c.value()
		recordLosses(&c, rnd, classCruise, 600, v)
		recordLosses(&c, rnd, classDown, 600, max(0, 1-(1-v)/downGain))
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
	d := deliveryRate{began: start}
	var sent []Sent
	for i := range 20 {
		p := Sent{Size: 1000, Time: start.Add(time.Duration(i) * ms)}
		d.sent(p.Time, &p, i*1000)
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
	late := Sent{Size: 1000, Time: start.Add(time.Second)}
	d.idle(0)
	d.sent(late.Time, &late, 0)
	if !late.Flight.idle {
		t.Error("a sample limited by the application counts as one of the path")
	}
	if rate := d.acked(start.Add(1050*ms), &late, 50*ms); rate < 19_000 || rate > 21_000 {
		t.Errorf("one packet in a round trip: %.0f B/s", rate)
	}
}
