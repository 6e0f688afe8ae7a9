package link

import (
	"math/rand/v2"
	"slices"
	"testing"

	"p2ptool/p2p/link/spans"
)

// A history agrees with a map over random events. Numbers have gaps, since not
// all packets are remembered.
func TestHistoryRemembers(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 20 {
		var h history
		open := map[uint64]packetState{} // by number
		var number uint64
		var order []uint64
		for range 2000 {
			switch rnd.IntN(6) {
			case 0, 1, 2:
				p := h.add()
				if p.count != 0 || p.state != settled || p.few[0] != (sentFrame{}) {
					t.Fatal("a record was not cleared")
				}
				if rnd.IntN(4) == 0 {
					h.undo()
					continue
				}
				number += 1 + rnd.Uint64N(3)
				p.number, p.state = number, inFlight
				for range rnd.IntN(5) {
					p.record(sentFrame{kind: sentData, data: spans.Span{Start: number, End: number + uint64(p.count)}})
				}
				open[number] = inFlight
				order = append(order, number)
			case 3:
				lose(&h, open, rnd.Uint64N(number+1))
			case 4:
				settleRange(t, &h, open, spans.Span{Start: rnd.Uint64N(number + 1), End: number})
			case 5:
				h.trim(func(p *sentPacket) bool { return p.number%2 == 0 })
				for i := 0; i < len(order); i++ {
					n := order[i]
					if s, ok := open[n]; ok && (s == inFlight || n%2 != 0) {
						break
					}
					delete(open, n)
				}
			}
			checkHistory(t, &h, open)
		}
	}
}

// Passing over what is settled is quick for whoever asks again: an ACK may tell
// of all that was ever sent, and so may a thousand in one packet.
func TestHistoryPassesOverWhatIsSettled(t *testing.T) {
	t.Parallel()
	var h history
	for n := range uint64(maxTracked) {
		p := h.add()
		p.number, p.state = n, inFlight
	}
	if !h.full() {
		t.Error("the history takes more")
	}
	for at := h.base + 1; at < h.next; at++ {
		h.settle(at)
	}
	h.unsettled(1)
	for at := uint64(1); at < h.next; at++ {
		if h.at(at).skip != h.next {
			t.Fatalf("from place %d the next one is %d", at, h.at(at).skip)
		}
	}
}

func lose(h *history, open map[uint64]packetState, n uint64) {
	if at := h.find(n); at < h.next && h.at(at).state == inFlight {
		h.at(at).state = lost
		open[h.at(at).number] = lost
	}
}

func settleRange(t *testing.T, h *history, open map[uint64]packetState, s spans.Span) {
	for at := h.unsettled(h.find(s.Start)); at < h.next && h.at(at).number < s.End; at = h.unsettled(at) {
		p := h.at(at)
		if _, ok := open[p.number]; !ok {
			t.Fatalf("packet %d was settled before", p.number)
		}
		for i := range int(p.count) {
			if f := p.frame(i); f.data != (spans.Span{Start: p.number, End: p.number + uint64(i)}) {
				t.Fatalf("packet %d holds frame %+v", p.number, f)
			}
		}
		delete(open, p.number)
		h.settle(at)
	}
	for n := range open {
		if n >= s.Start && n < s.End {
			t.Fatalf("packet %d of [%d, %d) was passed over", n, s.Start, s.End)
		}
	}
}

func checkHistory(t *testing.T, h *history, open map[uint64]packetState) {
	t.Helper()
	var got []uint64
	for at := h.unsettled(h.base); at < h.next; at = h.unsettled(at + 1) {
		p := h.at(at)
		if open[p.number] != p.state {
			t.Fatalf("packet %d: state %d, want %d", p.number, p.state, open[p.number])
		}
		got = append(got, p.number)
	}
	if len(got) != len(open) || !slices.IsSorted(got) {
		t.Fatalf("%d packets are open, want %d, in order", len(got), len(open))
	}
}
