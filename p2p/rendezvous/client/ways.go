package client

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"p2ptool/p2p/rendezvous"
	"p2ptool/p2p/tunnel"
)

const (
	// While the server is reached by a stream, UDP is tried after firstUDPTry, and then at doubling intervals up to
	// lastUDPTry.
	firstUDPTry = 2 * time.Second
	lastUDPTry  = 30 * time.Second
	// doubtAfter is how long a KEEPALIVE may be unanswered before a stream is opened.
	doubtAfter = 700 * time.Millisecond
)

// ways are the server's addresses beside the one in use, over UDP and by streams. One is tried with a KEEPALIVE:
// the server answers with a token, as for a client whose address has changed, and has moved the session once it
// sends an ALIVE without one. No new session is needed.
type ways struct {
	second   uint16           // port of the second observer
	udpAddrs []netip.AddrPort // the server's addresses
	nextUDP  time.Time        // when the next of them is tried, while a stream is in use
	udpPause time.Duration
	udpTurn  int

	ended   <-chan struct{}     // of the stream in use; nil: it is UDP
	stream  netip.AddrPort      // that was opened last
	opened  chan netip.AddrPort // of size 1; an invalid one: it was not
	opening bool

	ctx     context.Context // of what opens streams
	end     context.CancelFunc
	running sync.WaitGroup
}

func (w *ways) init(ctx context.Context, udp []netip.AddrPort, second uint16) {
	w.udpAddrs, w.second = udp, second
	w.udpPause, w.opened = firstUDPTry, make(chan netip.AddrPort, 1)
	w.ctx, w.end = context.WithCancel(ctx)
}

// settle starts using the session's address, and returns the first view from there.
func (k *keeper) settle(observed netip.AddrPort) View {
	c, addr := k.c, k.session.Addr
	v := View{Stream: observed}
	k.stun, k.ended = stunClient{}, nil
	if tunnel.Marked(addr.Addr()) {
		k.stream, k.ended = addr, c.config.Tunnel.Hub.Done(addr)
		k.ways.nextUDP = time.Now().Add(k.ways.udpPause)
	} else {
		v = View{}
		*v.of(addr.Addr()) = Observed{Main: observed}
		k.stun = newStunClient(addr, k.udpAddrs, k.second)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.current, c.observers = addr, k.stun.addrs()
	c.ports = portsOf(addr, k.udpAddrs, k.second)
	return v
}

// announce calls OnMoved and OnRegistered.
func (k *keeper) announce() {
	c, addr := k.c, k.session.Addr
	from := c.last
	c.last = addr
	if from.IsValid() && from != addr && c.config.OnMoved != nil {
		c.config.OnMoved(from, addr)
	}
	if c.config.OnRegistered != nil {
		c.config.OnRegistered(addr, c.View())
	}
}

// tryUDP sends a KEEPALIVE over UDP if it is due, and returns when the next one is; zero while UDP is in use.
func (k *keeper) tryUDP(now time.Time) time.Time {
	if k.ended == nil || len(k.udpAddrs) == 0 {
		return time.Time{}
	}
	if !now.Before(k.ways.nextUDP) {
		k.try(k.udpAddrs[k.udpTurn%len(k.udpAddrs)], 0)
		k.udpTurn++
		k.ways.nextUDP = now.Add(k.udpPause)
		k.udpPause = min(2*k.udpPause, lastUDPTry)
	}
	return k.ways.nextUDP
}

// hasten makes the next try of UDP due now: the network may have changed.
func (k *keeper) hasten(now time.Time) { k.ways.nextUDP, k.udpPause = now, firstUDPTry }

// try sends a KEEPALIVE of full size to another address than the session's: an address that full packets do not
// reach is useless.
func (k *keeper) try(addr netip.AddrPort, token uint64) {
	k.c.lastReq++
	k.sendTo(addr, rendezvous.Message{Kind: rendezvous.KindKeepalive, Request: k.c.lastReq, Body: rendezvous.Keepalive{Token: token}.AppendIn(nil, rendezvous.MaxBody)})
}

// tried handles an ALIVE of full size from another address than the session's.
func (k *keeper) tried(now time.Time, from netip.AddrPort, a rendezvous.Alive) {
	switch {
	case from != k.stream && !slices.Contains(k.udpAddrs, from):
	case a.Token == 0:
		k.moveTo(now, from, a)
	case now.Sub(k.returned) >= tokenPause:
		k.returned = now
		k.try(from, a.Token)
	}
}

// moveTo continues at another address of the server, which has moved the session.
func (k *keeper) moveTo(now time.Time, to netip.AddrPort, a rendezvous.Alive) {
	if k.ended != nil {
		k.c.config.Tunnel.Hub.Remove(k.session.Addr)
		k.udpPause = firstUDPTry
	}
	k.session.Addr = to
	k.size = sizeCheck{passed: now}
	k.token, k.waits, k.nextKeepalive = 0, nil, now.Add(k.interval)
	view := k.settle(a.Observed)
	k.stun.restart(now)
	k.c.setView(func(v *View) { *v = view })
	k.announce()
	for _, r := range k.c.pending {
		r.restart(now)
	}
}

// doubt tries other addresses when the server does not answer at the one in use, or full packets do not pass.
func (k *keeper) doubt(now time.Time) {
	k.hasten(now)
	if k.opening {
		return
	}
	if k.c.config.Tunnel == nil {
		k.lost = k.lost || k.size.failed
		return
	}
	k.opening = true
	small := k.ended != nil // a stream that is stuck, as where large segments are lost since it was made
	k.running.Go(func() {
		ctx, cancel := context.WithTimeout(k.ways.ctx, connectTimeout)
		defer cancel()
		addr, _ := k.c.openStream(ctx, small) // on an error it is invalid
		k.opened <- addr
	})
}

// streamOpened handles the result of opening a stream.
func (k *keeper) streamOpened(addr netip.AddrPort) {
	k.opening = false
	switch {
	case !addr.IsValid():
		k.lost = k.lost || k.size.failed
	case addr == k.session.Addr:
		k.ended = k.c.config.Tunnel.Hub.Done(addr) // in the place of the one before
		k.ask()
	case k.waits == nil && !k.size.failed:
		k.c.config.Tunnel.Hub.Remove(addr) // the doubt was unfounded
	default:
		k.stream = addr
		k.try(addr, 0)
	}
}

// streamEnded tries other addresses when the stream in use has ended.
func (k *keeper) streamEnded(now time.Time) {
	k.ended = k.c.config.Tunnel.Hub.Done(k.session.Addr)
	select {
	case <-k.ended:
		k.ended = make(chan struct{}) // said once
		k.probe(now, patientWaits)
		k.doubt(now)
	default: // another has taken its place
	}
}

// leave closes the streams.
func (k *keeper) leave() {
	k.ways.end()
	k.running.Wait()
	if k.opening {
		k.c.config.Tunnel.Hub.Remove(<-k.opened)
	}
	if k.stream.IsValid() {
		k.c.config.Tunnel.Hub.Remove(k.stream)
	}
}
