package stun

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"p2ptool/p2p/udp"
)

// exitWaves are the times to live that Exit tries; those of one wave at the same time. Most hosts are
// behind one NAT or none. A provider's NAT, a container's, or a company's inner routers add
// more hops before the last NAT.
var exitWaves = [][]int{{2, 3}, {4, 5, 6, 7}}

const (
	// exitPatience is how long to wait for a wave: two requests may be lost.
	exitPatience = 600 * time.Millisecond
	// exitGrace is how long to wait for the answer of a lower time to live after that of a higher
	// one.
	exitGrace = 50 * time.Millisecond
)

// Exit finds the lowest time to live with which a datagram passes all NATs and firewalls in front
// of this host that filter by port: enough that they expect an answer, but no more, so that the
// datagram is dropped on the way. It is at least 2, or 0 if it is unknown. Exit takes one round
// trip to the server behind one NAT, and at most 1.2 s otherwise. The error is that of a socket.
//
// From a new socket it sends a datagram with the time to live to the server's second port, and asks
// the main port to answer from the second. The answer only gets in if the datagram has passed all
// NATs.
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

// lookForExit runs Exit in the background and reports its result. Stop ends it early, wait waits for its end.
func (i Interim) lookForExit(ctx context.Context, listen func() (udp.Conn, error), s Servers) (stop, wait func()) {
	if i.Exit == nil {
		return func() {}, func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var looking sync.WaitGroup
	looking.Go(func() {
		defer cancel()
		ttl, _ := Exit(ctx, listen, s) // without a socket the result is unknown
		i.Exit(ttl)
	})
	return cancel, looking.Wait
}

// exitOf returns the lowest time to live of a wave that passes, or 0 if none does.
func exitOf(ctx context.Context, listen func() (udp.Conn, error), s Servers, wave []int) (ttl int, err error) {
	ctx, cancel := context.WithTimeout(ctx, exitPatience)
	defer cancel()
	passes := make(chan int, len(wave)) // a time to live that passes, or 0 for one that does not
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

// askThrough asks the main port to answer from the second port, and sends a datagram with the time
// to live to the second port before each request.
func (a *Asker) askThrough(s Servers, ttl int) (wait func(context.Context) netip.AddrPort) {
	return a.ask(s.Second, func(id ID) {
		a.write(s.Second, Request{ID: id}, ttl) // if it reaches the server, the answer proves the same
		a.write(s.Main, Request{ID: id, ChangePort: true}, 0)
	})
}
