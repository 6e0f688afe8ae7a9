package path

import (
	"slices"
	"testing"
)

func TestBetween(t *testing.T) {
	for _, c := range []struct {
		before, after uint16
		stride        int16
		want          Ports
		ok            bool
	}{
		{5000, 5017, 1, Ports{5001, 5016, 1}, true},
		{5000, 5006, 2, Ports{5002, 5005, 2}, true},
		{5017, 5000, -1, Ports{5001, 5016, 1}, true},
		{5000, 5001, 1, Ports{}, false},  // no port in between
		{5000, 5000, 1, Ports{}, false},  // the same port
		{65530, 1030, 1, Ports{}, false}, // wraps at 65535
		{5000, 9000, 1, Ports{5001, 8999, 1}, false},
		{5000, 5017, 0, Ports{}, false},
	} {
		if got, ok := Between(c.before, c.after, c.stride); got != c.want || ok != c.ok {
			t.Errorf("between %d and %d by %d: %v, %v", c.before, c.after, c.stride, got, ok)
		}
	}
}

// Draw returns different ports of the range, and all ports of a small range.
func TestDraw(t *testing.T) {
	for _, p := range []Ports{AnyPort(), {5000, 5006, 2}, {65535, 65535, 1}, {65534, 65535, 9}} {
		got := p.Draw(BirthdayProbes)
		if want := min(p.Count(), BirthdayProbes); len(got) != want {
			t.Errorf("%v: %d ports, want %d", p, len(got), want)
		}
		slices.Sort(got)
		if len(slices.Compact(slices.Clone(got))) != len(got) {
			t.Errorf("%v: a port is drawn twice", p)
		}
		for _, port := range got {
			if port < p.Low || port > p.High || (port-p.Low)%p.Step != 0 {
				t.Errorf("%v: %d is drawn", p, port)
			}
		}
	}
	if (Ports{}).Count() != 0 || len(Ports{}.Draw(9)) != 0 {
		t.Error("the empty range has ports")
	}
}

func FuzzParsePorts(f *testing.F) {
	f.Add(AnyPort().Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, rest, err := ParsePorts(b)
		if err != nil {
			return
		}
		if again, _, err := ParsePorts(append(p.Append(nil), rest...)); again != p || err != nil {
			t.Errorf("%x does not survive: %v, then %v, %v", b, p, again, err)
		}
		if n := p.Count(); n < 1 || p.At(n-1) > p.High || p.At(0) != p.Low {
			t.Errorf("%v: %d ports", p, n)
		}
	})
}

func TestAfter(t *testing.T) {
	for _, c := range []struct {
		last   uint16
		stride int16
		want   []uint16
	}{
		{5000, 1, []uint16{5001, 5002, 5003}},
		{5000, 4, []uint16{5004, 5008, 5012}},
		{65532, 1, []uint16{65533, 65534, 65535}},
		{65533, 1, nil}, // would exceed 65535
		{5000, 0, nil},
		{5000, -1, nil},
	} {
		p, ok := After(c.last, c.stride, 3)
		if got := p.First(9); ok != (c.want != nil) || ok && !slices.Equal(got, c.want) {
			t.Errorf("after %d by %d: %v, %v", c.last, c.stride, got, ok)
		}
	}
	if got := AnyPort().First(2); !slices.Equal(got, []uint16{1024, 1025}) {
		t.Errorf("the first ports are %v", got)
	}
}
