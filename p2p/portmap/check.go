package portmap

import (
	"context"
	"net"
	"net/netip"
	"sync"
)

// An Answer is what a router says in one protocol.
type Answer struct {
	Protocol Protocol
	External netip.Addr // the zero value where the protocol does not tell
	Err      error      // nil: it is spoken
}

// Check finds the router and asks it which protocols it speaks, all at once, in at
// most three seconds. It maps nothing. The answers stand in the order of the
// protocols; they are none where there is no router, and the error says so.
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

// A probing is a probe under way; its answer comes once.
type probing struct {
	client client
	answer chan Answer
}

// probe has the gateway asked in all protocols, each on a goroutine of the group.
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

// clients makes one for each protocol, best first.
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
