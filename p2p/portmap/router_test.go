package portmap

import (
	"encoding/binary"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// A router simulates a router in virtual time. It supports PCP or NAT-PMP, or does not answer.
type router struct {
	t  *testing.T
	wg sync.WaitGroup

	mu       sync.Mutex
	speaks   Protocol
	external netip.Addr
	booted   time.Time
	port     uint16 // assigned port; 0: as suggested
	refusal  byte
	life     uint32 // granted lifetime; 0: as requested
	asked    int    // requests for a mapping
	released int
	changes  int // calls of OnChange
}

func newRouter(t *testing.T, speaks Protocol) *router {
	return &router{t: t, speaks: speaks, external: netip.MustParseAddr("11.0.0.1"), booted: time.Now()}
}

var testGateway = Gateway{netip.MustParseAddr("192.168.1.1"), testSelf}

// config returns the configuration of a mapper that uses the router.
func (r *router) config() Config {
	return Config{
		Port:     5000,
		Gateway:  func() (Gateway, error) { return testGateway, nil },
		OnChange: func(Status) { r.set(func() { r.changes++ }) },
		Dial: func(Gateway, uint16) (net.Conn, error) {
			ours, theirs := net.Pipe()
			r.wg.Go(func() { r.serve(theirs) })
			return ours, nil
		},
	}
}

func (r *router) serve(c net.Conn) {
	defer c.Close()
	buf := make([]byte, pcpMax)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		if reply := r.answer(buf[:n]); reply != nil {
			_, _ = c.Write(reply)
		}
	}
}

func (r *router) answer(b []byte) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	epoch := uint32(time.Since(r.booted) / time.Second)
	switch {
	case r.speaks == PCP && b[0] == pcpVersion:
		return r.answerPCP(b, epoch)
	case r.speaks == NATPMP && b[0] == pcpVersion:
		return []byte{0, response | b[1], 0, 1, 0, 0, 0, 0}
	case r.speaks == NATPMP:
		return r.answerPMP(b, epoch)
	}
	return nil
}

func (r *router) answerPCP(b []byte, epoch uint32) []byte {
	out := append([]byte(nil), b...)
	out[1] |= response
	out[3] = r.refusal
	copy(out[8:24], make([]byte, 16))
	binary.BigEndian.PutUint32(out[8:], epoch)
	if b[1] == pcpMap {
		r.count(binary.BigEndian.Uint32(b[4:]))
		if r.life != 0 {
			binary.BigEndian.PutUint32(out[4:], r.life)
		}
		if r.port != 0 {
			binary.BigEndian.PutUint16(out[42:], r.port)
		}
		ip := r.external.As16()
		copy(out[44:], ip[:])
	}
	return out
}

func (r *router) answerPMP(b []byte, epoch uint32) []byte {
	out := binary.BigEndian.AppendUint32([]byte{0, b[1] | response, 0, r.refusal}, epoch)
	if b[1] == pmpAddress {
		return append(out, r.external.AsSlice()...)
	}
	r.count(binary.BigEndian.Uint32(b[8:]))
	return append(out, b[4:12]...)
}

func (r *router) count(life uint32) {
	r.asked++
	if life == 0 {
		r.released++
	}
}

func (r *router) set(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
}

// counts returns how often a mapping was requested, removed, and reported.
func (r *router) counts() (asked, released, changes int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asked, r.released, r.changes
}
