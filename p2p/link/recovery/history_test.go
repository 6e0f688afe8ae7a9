package recovery

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
		var h History
		open := map[uint64]State{} // by number
		var number uint64
		var order []uint64
		for range 2000 {
			switch rnd.IntN(6) {
			case 0, 1, 2:
				p := h.Add()
				if p.Count != 0 || p.State != Settled || p.few[0] != (Frame{}) {
					t.Fatal("a record was not cleared")
				}
				if rnd.IntN(4) == 0 {
					h.Undo()
					continue
				}
				number += 1 + rnd.Uint64N(3)
				p.Number, p.State = number, InFlight
				for range rnd.IntN(5) {
					p.Record(Frame{Kind: Data, Data: spans.Span{Start: number, End: number + uint64(p.Count)}})
				}
				open[number] = InFlight
				order = append(order, number)
			case 3:
				lose(&h, open, rnd.Uint64N(number+1))
			case 4:
				settleRange(t, &h, open, spans.Span{Start: rnd.Uint64N(number + 1), End: number})
			case 5:
				h.trim(func(p *Packet) bool { return p.Number%2 == 0 })
				for i := 0; i < len(order); i++ {
					n := order[i]
					if s, ok := open[n]; ok && (s == InFlight || n%2 != 0) {
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
	var h History
	for n := range uint64(maxTracked) {
		p := h.Add()
		p.Number, p.State = n, InFlight
	}
	if !h.Full() {
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

func lose(h *History, open map[uint64]State, n uint64) {
	if at := h.find(n); at < h.next && h.at(at).State == InFlight {
		h.at(at).State = Lost
		open[h.at(at).Number] = Lost
	}
}

func settleRange(t *testing.T, h *History, open map[uint64]State, s spans.Span) {
	for at := h.unsettled(h.find(s.Start)); at < h.next && h.at(at).Number < s.End; at = h.unsettled(at) {
		p := h.at(at)
		if _, ok := open[p.Number]; !ok {
			t.Fatalf("packet %d was settled before", p.Number)
		}
		for i := range int(p.Count) {
			if f := p.Frame(i); f.Data != (spans.Span{Start: p.Number, End: p.Number + uint64(i)}) {
				t.Fatalf("packet %d holds frame %+v", p.Number, f)
			}
		}
		delete(open, p.Number)
		h.settle(at)
	}
	for n := range open {
		if n >= s.Start && n < s.End {
			t.Fatalf("packet %d of [%d, %d) was passed over", n, s.Start, s.End)
		}
	}
}

func checkHistory(t *testing.T, h *History, open map[uint64]State) {
	t.Helper()
	var got []uint64
	for at := h.unsettled(h.base); at < h.next; at = h.unsettled(at + 1) {
		p := h.at(at)
		if open[p.Number] != p.State {
			t.Fatalf("packet %d: state %d, want %d", p.Number, p.State, open[p.Number])
		}
		got = append(got, p.Number)
	}
	if len(got) != len(open) || !slices.IsSorted(got) {
		t.Fatalf("%d packets are open, want %d, in order", len(got), len(open))
	}
}
