package path

import (
	"bytes"
	"testing"
)

func TestStrideOf(t *testing.T) {
	for _, c := range []struct {
		name  string
		ports []uint16
		want  int16
	}{
		{"one after the other", []uint16{5000, 5001, 5002}, 1},
		{"every second", []uint16{5000, 5002, 5004, 5006}, 2},
		{"others map meanwhile", []uint16{5000, 5001, 5004, 5005}, 1},
		{"downwards", []uint16{5000, 4999, 4998}, -1},
		{"over the end", []uint16{65534, 65535, 0, 1}, 1},
		{"two tell nothing", []uint16{5000, 5001}, 0},
		{"none", nil, 0},
		{"the same", []uint16{5000, 5000, 5000}, 0},
		{"up and down", []uint16{5000, 5001, 5000}, 0},
		{"at random", []uint16{5000, 41233, 17122}, 0},
		{"one jump", []uint16{5000, 5001, 9000}, 0},
	} {
		if got := StrideOf(c.ports); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

func TestDependenceNames(t *testing.T) {
	for d, want := range map[Dependence]string{
		0: "unknown", 1: "endpoint-independent", 2: "address-dependent", 3: "address-and-port-dependent", 4: "unknown",
	} {
		if d.String() != want {
			t.Errorf("%d is %q", d, d)
		}
	}
}

func TestNATOfTheFuture(t *testing.T) {
	n, rest, err := ParseNAT([]byte{4, 255, 0xff, 0xfe, 0xfe, 7})
	if (n != NAT{Stride: -2}) || len(rest) != 1 || err != nil {
		t.Errorf("%+v, %d left, %v", n, len(rest), err)
	}
}

func FuzzParseNAT(f *testing.F) {
	f.Add(NAT{AddressAndPortDependent, AddressDependent, -2, true}.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		n, rest, err := ParseNAT(b)
		if err != nil {
			if len(b) >= NATSize {
				t.Errorf("%x: %v", b, err)
			}
			return
		}
		again, _, err := ParseNAT(append(n.Append(nil), rest...))
		if again != n || err != nil || !bytes.Equal(rest, b[NATSize:]) {
			t.Errorf("%x does not survive: %+v, then %+v, %v", b, n, again, err)
		}
	})
}
