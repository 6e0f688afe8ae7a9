package stun

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"p2ptool/p2p/udp"
)

// exitWaves are the times to live that Exit tries. It tries all values of a wave at the same time. Most
// hosts are behind one NAT or none. A provider's NAT, a container's NAT, or a company's inner routers
// add more hops before the last NAT.
var exitWaves = [][]int{{2, 3}, {4, 5, 6, 7}}

const (
	// exitPatience is how long to wait for a wave. It allows for two lost requests.
	exitPatience = 600 * time.Millisecond
	// exitGrace is how long to wait for the answer to a lower time to live after the answer to a
	// higher one.
	exitGrace = 50 * time.Millisecond
)

// Exit finds the lowest time to live with which a datagram passes all NATs and firewalls in front
// of this host that filter by port. With this time to live, they let answers in, but the datagram is
// dropped soon after them. The result is at least 2, or 0 if it is unknown. Exit takes one round
// trip to the server behind one NAT, and at most 1.2 s otherwise. It fails if it cannot open a socket.
//
// For each time to live, Exit opens a new socket, sends a datagram with it to the server's second
// port, and asks the main port to answer from the second. The answer only gets in if the datagram
// passed all NATs.
func Exit(ctx context.Context, listen func() (udp.Conn, error), s Servers) (ttl int, err error) {
	if !s.Second.IsValid() {
		return 0, nil
	}
	for _, wave := range exitWaves {
		if ttl, err = exitOf(ctx, listen, s, wave); ttl != 0 || err != nil || ctx.Err() != nil {
			return ttl, err
		}
	}
	return 0, nil
}

// lookForExit runs Exit in the background and reports its result. stop ends it early; wait waits until it has ended.
func (i Interim) lookForExit(ctx context.Context, listen func() (udp.Conn, error), s Servers) (stop, wait func()) {
	if i.Exit == nil {
		return func() {}, func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var looking sync.WaitGroup
	looking.Go(func() {
		defer cancel()
		ttl, _ := Exit(ctx, listen, s) // if it fails, the result is unknown
		i.Exit(ttl)
	})
	return cancel, looking.Wait
}

// exitOf returns the lowest time to live of a wave that passes, or 0 if none does.
func exitOf(ctx context.Context, listen func() (udp.Conn, error), s Servers, wave []int) (ttl int, err error) {
	ctx, cancel := context.WithTimeout(ctx, exitPatience)
	defer cancel()
	passes := make(chan int, len(wave)) // a time to live that passes, or 0 if it does not
	for _, ttl := range wave {
		a, err := openAsker(listen)
		if err != nil {
			return 0, err
		}
		defer a.Close()
		answer := a.askThrough(s, ttl)
		go func() {
			if !answer(ctx).IsValid() {
				ttl = 0
			}
			passes <- ttl
		}()
	}
	for range wave {
		p := <-passes
		if p != 0 && (ttl == 0 || p < ttl) {
			ttl = p
		}
		if p == wave[0] {
			cancel()
		} else if p != 0 {
			time.AfterFunc(exitGrace, cancel)
		}
	}
	return ttl, nil
}

// askThrough asks the main port to answer from the second port. Before each request, it sends a
// datagram with the given time to live to the second port.
func (a *Asker) askThrough(s Servers, ttl int) (wait func(context.Context) netip.AddrPort) {
	return a.ask(s.Second, func(id ID) {
		a.write(s.Second, Request{ID: id}, ttl) // if it reaches the server, the answer proves the same
		a.write(s.Main, Request{ID: id, ChangePort: true}, 0)
	})
}
