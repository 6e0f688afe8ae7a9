package main

import (
	"encoding/binary"
	"net"
	"sync"
	"time"
)

const probeEvery = 50 * time.Millisecond

// A probe measures the round trip with small datagrams. They share the queue before the
// bottleneck with the transfer.
type probe struct {
	near, far *net.UDPConn
	quit      chan struct{}
	loops     sync.WaitGroup

	mu    sync.Mutex // guards trips
	trips []time.Duration
}

func startProbe(from, to machine) (*probe, error) {
	far, err := listenUDP(to)
	if err != nil {
		return nil, err
	}
	near, err := listenUDP(from)
	if err != nil {
		far.Close()
		return nil, err
	}
	p := &probe{near: near, far: far, quit: make(chan struct{})}
	p.loops.Go(p.send)
	p.loops.Go(p.echo)
	p.loops.Go(p.hear)
	return p, nil
}

func listenUDP(on machine) (c *net.UDPConn, err error) {
	on.do(func() { c, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(on.addr())}) })
	return c, err
}

func (p *probe) send() {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			_, _ = p.near.WriteTo(binary.BigEndian.AppendUint64(nil, uint64(now.UnixNano())), p.far.LocalAddr())
		case <-p.quit:
			return
		}
	}
}

func (p *probe) echo() {
	buf := make([]byte, 64)
	for {
		n, from, err := p.far.ReadFrom(buf)
		if err != nil {
			return
		}
		_, _ = p.far.WriteTo(buf[:n], from) // counts as lost
	}
}

func (p *probe) hear() {
	buf := make([]byte, 64)
	for {
		n, err := p.near.Read(buf)
		if err != nil {
			return
		}
		if n != 8 {
			continue
		}
		trip := time.Since(time.Unix(0, int64(binary.BigEndian.Uint64(buf))))
		p.mu.Lock()
		p.trips = append(p.trips, trip)
		p.mu.Unlock()
	}
}

// take returns the round trips since the last call.
func (p *probe) take() []time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	trips := p.trips
	p.trips = nil
	return trips
}

// close ends the probing and waits for its end.
func (p *probe) close() {
	close(p.quit)
	p.near.Close()
	p.far.Close()
	p.loops.Wait()
}
