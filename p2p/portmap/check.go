package portmap

import (
	"context"
	"net"
	"net/netip"
	"sync"
)

// An Answer is a router's answer in one protocol.
type Answer struct {
	Protocol Protocol
	External netip.Addr // zero if the protocol does not have it
	Err      error      // nil: the router supports the protocol
}

// Check finds the router and probes all protocols at the same time, in at most three seconds. It
// maps nothing. The answers are in the order of the protocols. Without a router it returns an error.
func Check(ctx context.Context, c Config) (Gateway, []Answer, error) {
	find := c.Gateway
	if find == nil {
		find = FindGateway
	}
	g, err := find()
	if err != nil {
		return Gateway{}, nil, err
	}
	var probes sync.WaitGroup
	defer probes.Wait()
	var answers []Answer
	for _, p := range c.probe(ctx, &probes, g) {
		answers = append(answers, <-p.answer)
	}
	return g, answers, nil
}

// A probing is a running probe; it has one answer.
type probing struct {
	client client
	answer chan Answer
}

// probe probes the gateway in all protocols, each on a goroutine of the group.
func (c Config) probe(ctx context.Context, group *sync.WaitGroup, g Gateway) (all []probing) {
	for _, to := range c.clients(g) {
		p := probing{to, make(chan Answer, 1)}
		all = append(all, p)
		group.Go(func() {
			ip, err := to.probe(ctx)
			p.answer <- Answer{to.protocol(), ip, err}
		})
	}
	return all
}

// clients returns a client for each protocol, best first.
func (c Config) clients(g Gateway) []client {
	dial := func() (net.Conn, error) { return g.dial(servicePort) }
	if c.Dial != nil {
		dial = func() (net.Conn, error) { return c.Dial(g, servicePort) }
	}
	all := []client{newPCP(g.Self, dial), &pmpClient{dial: dial}}
	if c.Dial == nil {
		all = append(all, &upnpClient{gateway: g})
	}
	return all
}
