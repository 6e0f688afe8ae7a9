package netsim

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"p2ptool/p2p/udp"
)

// sendNumbered sends count datagrams of n bytes in batches. Each begins with its number.
func sendNumbered(b *inbox, dst string, count, n int) {
	var data strings.Builder
	flush := func() {
		_ = b.conn.Write(udp.Batch{Addr: addrPort(dst), Data: []byte(data.String()), Size: n})
		data.Reset()
	}
	for i := range count {
		fmt.Fprintf(&data, "%-*d", n, i)
		if data.Len()+n > udp.MaxBatch {
			flush()
		}
	}
	flush()
}

func numbers(all []got) (nn []int) {
	for _, g := range all {
		n, _ := strconv.Atoi(strings.TrimSpace(g.data))
		nn = append(nn, n)
	}
	return nn
}

const dst2 = "203.0.113.2:2000"

func TestDelayIsOneWay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, a, b, from, to, dst := pair(t, 1)
		a.LinkUp(Link{Delay: 7 * ms})
		a.LinkDown(Link{Delay: 100 * ms})
		b.Link(Link{Delay: 5 * ms})
		from.send(dst, "x")
		if at := to.last().at; at != 12*ms {
			t.Errorf("there after %v", at)
		}
		from.start = time.Now()
		to.send(addrPort("203.0.113.1:1000"), "y")
		if at := from.last().at; at != 105*ms {
			t.Errorf("back after %v", at)
		}
	})
}

func TestJitterKeepsOrder(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, a, _, from, to, _ := pair(t, 1)
		a.Link(Link{Delay: 10 * ms, Jitter: 20 * ms})
		for range 50 {
			sendNumbered(from, dst2, 2, 10)
			time.Sleep(30 * ms)
		}
		all := to.after(time.Second)
		if len(all) != 100 {
			t.Fatalf("%d arrived", len(all))
		}
		if nn := numbers(all[:2]); !slices.Equal(nn, []int{0, 1}) {
			t.Errorf("order: %v", nn)
		}
		var least, most time.Duration = time.Hour, 0
		for i, g := range all {
			d := g.at - time.Duration(i/2)*30*ms
			least, most = min(least, d), max(most, d)
		}
		if least < 10*ms || most > 30*ms || most-least < 10*ms {
			t.Errorf("took from %v to %v", least, most)
		}
		for i := range 30 {
			from.send(addrPort(dst2), strconv.Itoa(i))
			time.Sleep(ms)
		}
		if nn := numbers(to.after(time.Second)[100:]); len(nn) != 30 || !slices.IsSorted(nn) {
			t.Errorf("in quick succession: %v", nn)
		}
	})
}

func TestLoss(t *testing.T) {
	for _, burst := range []float64{0, 8} {
		t.Run(fmt.Sprint("burst ", burst), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				_, a, _, from, to, _ := pair(t, 1)
				a.Link(Link{Delay: ms, Loss: .1, Burst: burst})
				sendNumbered(from, dst2, 20000, 50)
				nn := numbers(to.after(time.Second))
				if !slices.IsSorted(nn) {
					t.Error("loss changed the order")
				}
				gaps := 0
				for i := range nn[1:] {
					if nn[i+1] != nn[i]+1 {
						gaps++
					}
				}
				lost := float64(20000 - len(nn))
				if lost < 1600 || lost > 2400 {
					t.Errorf("lost %v of 20000", lost)
				}
				if mean := lost / float64(gaps); burst == 0 && mean > 1.3 || burst == 8 && (mean < 6 || mean > 10) {
					t.Errorf("mean burst of %.1f", mean)
				}
			})
		})
	}
}

func TestDuplicate(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, a, _, from, to, _ := pair(t, 1)
		a.Link(Link{Duplicate: .2})
		sendNumbered(from, dst2, 1000, 50)
		nn := numbers(to.after(time.Second))
		slices.Sort(nn)
		if extra := len(nn) - 1000; extra < 150 || extra > 250 || len(slices.Compact(nn)) != 1000 {
			t.Errorf("%d arrived", len(nn))
		}
	})
}

func TestReorder(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, a, _, from, to, _ := pair(t, 1)
		a.Link(Link{Delay: ms, Reorder: .1, ReorderBy: 10 * ms})
		sendNumbered(from, dst2, 1000, 50)
		all := to.after(time.Second)
		late := 0
		for _, g := range all {
			if g.at == 11*ms {
				late++
			}
		}
		if len(all) != 1000 || late < 60 || late > 140 {
			t.Errorf("%d arrived, %d of them late", len(all), late)
		}
	})
}

// At 1 MB/s a queue of 50 kB drains in 50 ms and drops the rest.
func TestRate(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, a, _, from, to, _ := pair(t, 1)
		a.Link(Link{Rate: 1e6, Queue: 50_000, Delay: 5 * ms})
		sendNumbered(from, dst2, 60, 1000)
		all := to.after(time.Second)
		if len(all) != 50 {
			t.Fatalf("%d arrived, want 50", len(all))
		}
		if first, last := all[0].at, all[49].at; first < 6*ms || first > 7*ms || last != 55*ms {
			t.Errorf("from %v to %v", first, last)
		}
		// The queue is empty again and adds no delay.
		from.send(addrPort(dst2), "x")
		if at := to.last().at; at < 1005*ms || at > 1006*ms {
			t.Errorf("later one at %v", at)
		}
	})
}

// A queue that has filled at one rate drains at the next.
func TestRateChanges(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, a, _, from, to, _ := pair(t, 1)
		link := Link{Delay: 10 * ms, Rate: 1000, Queue: 40_000}
		a.LinkUp(link)
		sendNumbered(from, dst2, 20, 1000)
		time.Sleep(2500 * ms)
		link.Rate = 100_000
		a.LinkUp(link)
		time.Sleep(50 * ms)
		sendNumbered(from, dst2, 20, 1000)
		link.Rate = 10_000
		time.Sleep(175 * ms) // 15,000 bytes are left
		a.LinkUp(link)
		all := to.after(10 * time.Second)
		if nn := numbers(all); len(nn) != 40 || !slices.IsSorted(nn[:20]) || !slices.IsSorted(nn[20:]) {
			t.Fatalf("arrived: %v", nn)
		}
		for i, want := range map[int]time.Duration{0: 1010 * ms, 1: 2010 * ms, 2: 2515 * ms, 19: 2685 * ms, 20: 2695 * ms, 39: 4235 * ms} {
			if d := all[i].at - want; d < -5*ms || d > 5*ms {
				t.Errorf("datagram %d arrived after %v, not %v", i, all[i].at, want)
			}
		}
	})
}

func TestDefaultQueue(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, a, _, from, to, _ := pair(t, 1)
		a.Link(Link{Rate: 1e6})
		sendNumbered(from, dst2, 300, 1000)
		if all := to.after(time.Second); len(all) != 100 || all[99].at != 100*ms {
			t.Errorf("%d arrived", len(all))
		}
	})
}

func TestMTU(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, a, _, from, to, dst := pair(t, 1)
		a.Link(Link{MTU: 1400})
		for _, n := range []int{1400, 1401} {
			from.send(dst, strings.Repeat("x", n))
		}
		if err := from.conn.Write(udp.Batch{Addr: dst, Data: make([]byte, 2000), Size: 1500}); err != nil {
			t.Fatal(err)
		}
		all := to.after(time.Second)
		if len(all) != 2 || len(all[0].data) != 1400 || len(all[1].data) != 500 {
			t.Errorf("%d arrived", len(all))
		}
	})
}

func TestCutAndHeal(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, _, b, from, to, dst := pair(t, 1)
		b.Link(Link{Delay: 10 * ms})
		for i, step := range []func(){func() {}, b.Cut, b.Heal, b.BlockUDP} {
			step()
			from.send(dst, fmt.Sprint(i))
			to.send(addrPort("203.0.113.1:1000"), fmt.Sprint(i))
			time.Sleep(100 * ms)
		}
		if nn := numbers(to.after(0)); !slices.Equal(nn, []int{0, 2}) {
			t.Errorf("there came %v", nn)
		}
		if nn := numbers(from.after(0)); !slices.Equal(nn, []int{0, 2}) {
			t.Errorf("back came %v", nn)
		}
	})
}

func TestSetLoss(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, a, _, from, to, dst := pair(t, 1)
		a.Link(Link{Delay: 10 * ms})
		a.SetLoss(1)
		from.send(dst, "lost")
		a.SetLoss(0)
		from.send(dst, "kept")
		if g := to.last(); g.data != "kept" || g.at != 10*ms || len(to.all) != 1 {
			t.Errorf("got %+v", to.all)
		}
	})
}

// Received counts datagrams to a host that does not listen.
func TestReceived(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n, _, _, from, to, _ := pair(t, 1)
		idle := n.Host("203.0.113.3")
		sendNumbered(from, "203.0.113.3:9", 7, 100)
		to.after(time.Second)
		if c := idle.Received(); c != (Count{7, 700}) {
			t.Errorf("the idle host received %+v", c)
		}
	})
}

// A full receive buffer drops datagrams.
func TestReceiveBuffer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n := New(1)
		from := open(t, n.Host("203.0.113.1"), "0.0.0.0:1000")
		c, err := n.Host("203.0.113.2").Listen("udp4", addrPort("0.0.0.0:2000"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		full := 0
		n.Watch(func(e Event) {
			if e.What == "receive buffer full" {
				full += len(e.Data)
			}
		})
		const sent = 10 << 20
		sendNumbered(from, dst2, sent/1024, 1024)
		if kept := sent - full; kept > receiveBuffer || kept < receiveBuffer-udp.MaxBatch {
			t.Errorf("kept %d bytes", kept)
		}
	})
}
