package stun

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"p2ptool/p2p/udp"
)

// exitWaves are the times to live that Exit tries, those of a wave at the same time. Most hosts
// are behind one NAT or none; behind a provider's as well, a container's, or the
// inner routers of a company, more routers come before the last NAT.
var exitWaves = [][]int{{2, 3}, {4, 5, 6, 7}}

const (
	// exitPatience is how long a wave is waited for: two requests may be lost.
	exitPatience = 600 * time.Millisecond
	// exitGrace is how much later than that of a higher time to live the answer to a lower one
	// may come: they are asked for at the same time.
	exitGrace = 50 * time.Millisecond
)

// Exit finds the lowest time to live with which a datagram passes all NATs and
// firewalls in front of this host that filter by port: enough to have them expect an
// answer, and no more, so that it dies on the way. It is at least 2, and 0 if it could
// not be found out. Exit takes one round trip to the server where one NAT is passed, at most
// 1.2 s otherwise. The error is that of a socket.
//
// From a new socket a datagram with the time to live goes to the server's second port,
// and a request to the main one to answer from the second. Only if the datagram
// has passed all NATs is the answer let in.
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

// lookForExit tells what Exit finds. Stop ends that early, wait waits for the end.
func (i Interim) lookForExit(ctx context.Context, listen func() (udp.Conn, error), s Servers) (stop, wait func()) {
	if i.Exit == nil {
		return func() {}, func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var looking sync.WaitGroup
	looking.Go(func() {
		defer cancel()
		ttl, _ := Exit(ctx, listen, s) // without a socket nothing is known
		i.Exit(ttl)
	})
	return cancel, looking.Wait
}

// exitOf returns the lowest of a wave that passes, 0 if none does.
func exitOf(ctx context.Context, listen func() (udp.Conn, error), s Servers, wave []int) (ttl int, err error) {
	ctx, cancel := context.WithTimeout(ctx, exitPatience)
	defer cancel()
	passes := make(chan int, len(wave)) // the times to live that do; 0 for one that does not
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

// askThrough asks the main server to answer from the second port, to which a datagram with
// a time to live goes before each request.
func (a *Asker) askThrough(s Servers, ttl int) (wait func(context.Context) netip.AddrPort) {
	return a.ask(s.Second, func(id ID) {
		a.write(s.Second, Request{ID: id}, ttl) // if it gets there, the answer proves as much
		a.write(s.Main, Request{ID: id, ChangePort: true}, 0)
	})
}
