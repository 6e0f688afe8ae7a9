package udp

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"testing"
)

// A system that refuses large buffers gets the largest that it accepts.
func TestGrow(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{socketBuffer, 2 << 20, 256 << 10, 1} {
		granted := 0
		grow(func(bytes int) error {
			if bytes > limit {
				return errors.New("no buffer space available")
			}
			granted = bytes
			return nil
		})
		if limit > 1 && (granted > limit || granted <= limit/2) || limit == 1 && granted != 0 {
			t.Errorf("granted %d bytes of %d", granted, limit)
		}
	}
}

// Where interfaces cannot be read, the addresses are those that routes lead out from.
func TestAddrsWithoutInterfaces(t *testing.T) {
	t.Parallel()
	routed := []netip.Addr{netip.MustParseAddr("198.51.100.7"), netip.MustParseAddr("2001:db8::7")}
	errDenied := errors.New("permission denied")
	for _, test := range []struct {
		name       string
		interfaces []net.Interface
		err        error
		routed     []netip.Addr
		want       []netip.Addr
		wantErr    error
	}{
		{"denied", nil, errDenied, routed, routed, nil},
		{"none told", nil, nil, routed, routed, nil},
		{"nothing at all", nil, errDenied, nil, nil, errDenied},
		{"no network", nil, nil, nil, nil, nil},
	} {
		got, err := hostAddrs(func() ([]net.Interface, error) { return test.interfaces, test.err }, func() []netip.Addr { return test.routed })
		if !slices.Equal(got, test.want) || err != test.wantErr {
			t.Errorf("%s: %v, %v", test.name, got, err)
		}
	}
}

// The address that a route leads out from is one of the interfaces'.
func TestRoutedAddrs(t *testing.T) {
	t.Parallel()
	interfaces, err := net.Interfaces()
	if err != nil {
		t.Skip("interfaces cannot be read: ", err)
	}
	all := interfaceAddrs(interfaces)
	for _, a := range routedAddrs() {
		if !slices.Contains(all, a) {
			t.Errorf("%v is not among %v", a, all)
		}
	}
}
