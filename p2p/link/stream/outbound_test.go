package stream

import (
	"slices"
	"testing"

	"p2ptool/p2p/link/spans"
)

func TestOutboundRepeats(t *testing.T) {
	t.Parallel()
	o := Outbound{base: 100, old: 200, next: 220, end: 300, limit: 1000, got: spans.Set{{Start: 110, End: 120}, {Start: 150, End: 190}}, closed: true}
	for _, tt := range []struct {
		n, took int
		again   spans.Set
	}{
		{5, 5, spans.Set{{Start: 100, End: 105}}},
		{15, 15, spans.Set{{Start: 100, End: 110}, {Start: 120, End: 125}}},
		{1000, 50, spans.Set{{Start: 100, End: 110}, {Start: 120, End: 150}, {Start: 190, End: 200}}},
		{0, 0, nil},
	} {
		o.again = nil
		if took := o.Repeat(tt.n); took != tt.took || !slices.Equal(o.again, tt.again) {
			t.Errorf("of %d bytes: %d, %v", tt.n, took, o.again)
		}
	}
	o = Outbound{base: 300, old: 300, next: 300, end: 300, closed: true, finSent: true}
	if took := o.Repeat(10); took != 1 || !o.Pending() {
		t.Errorf("an end that has not arrived: %d, %v", took, o.Pending())
	}
	o.finSent, o.finGot = true, true
	if took := o.Repeat(10); took != 0 || o.Pending() {
		t.Errorf("an end that has arrived: %d, %v", took, o.Pending())
	}
}
