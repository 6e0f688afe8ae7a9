package cmd

import (
	"context"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"p2ptool/internal/config"
	"p2ptool/internal/terminal"
	"p2ptool/p2p"
)

const (
	pingEvery   = time.Second
	pingTimeout = 5 * time.Second
)

func (p *program) pingCommand() *cli.Command {
	return &cli.Command{
		Name:      "ping",
		Usage:     "measure the round trip to a peer, and tell by which path",
		ArgsUsage: "WHO",
		Flags: append(connectFlags(),
			&cli.IntFlag{Name: "n", Usage: "send `N` pings", Value: 4}),
		Action: p.ping,
	}
}

func (p *program) ping(c *cli.Context) error {
	if err := arguments(c, 1, 1); err != nil {
		return err
	}
	if c.Int("n") < 1 {
		return usage("-n: %d is not a number of pings, use 1 or more", c.Int("n"))
	}
	n, t, err := p.caller(c, c.Args().First())
	if err != nil {
		return err
	}
	defer n.Close()
	link, err := n.reach(c.Context, t, c.Duration("wait"), "")
	if err != nil {
		return err
	}
	return n.pings(c.Context, link, t, c.Int("n"))
}

// caller starts a node that calls others, for a command that connects to who.
func (p *program) caller(c *cli.Context, who string) (*node, config.Target, error) {
	cfg, err := p.online(c)
	if err != nil {
		return nil, config.Target{}, err
	}
	t, err := target(cfg, who)
	if err != nil {
		return nil, t, err
	}
	r, err := p.role(c)
	if err != nil {
		return nil, t, err
	}
	r.calling, r.quiet = true, true
	n, err := p.start(cfg, r)
	if err != nil {
		return nil, t, err
	}
	return n, t, nil
}

// pings sends count pings, one a second, and fails if none is answered.
func (n *node) pings(ctx context.Context, link *p2p.Link, t config.Target, count int) error {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	answered := 0
	var told string // of why the path is not direct
	for seq := 1; seq <= count; seq++ {
		ok, err := n.pingOnce(ctx, link, t, seq, &told)
		if err != nil {
			return err
		}
		if ok {
			answered++
		}
		if seq == count {
			break
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	n.p.out.note("%d of %d answered", answered, count)
	if answered == 0 {
		return as(errTimeout, fmt.Errorf("peer %q answers no pings", t))
	}
	return nil
}

// pingOnce sends a ping, and reports whether it was answered. Why the path is not
// direct is said where that is not what was told before. An error says that there
// will be no more answers.
func (n *node) pingOnce(ctx context.Context, link *p2p.Link, t config.Target, seq int, told *string) (bool, error) {
	within, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	rtt, path, err := link.Ping(within)
	switch {
	case err == nil:
		n.p.out.payload("%s: seq %d, %s, %s, %s", t, seq, terminal.Duration(rtt), path.Kind, path.Addr)
		path.RTT = rtt
		fields := n.p.fieldsOf(t.GUID, path)
		if fields.Why = whyNotDirect(ctx, link, path); fields.Why != *told && fields.Why != "" {
			n.p.out.note("%s", p2p.Diagnosis{Kind: path.Kind, Why: fields.Why})
		}
		*told = fields.Why
		n.p.out.event(pingEvent{fields, seq})
		return true, nil
	case ctx.Err() != nil:
		return false, context.Cause(ctx)
	case within.Err() != nil:
		n.p.out.note("%s: seq %d, no answer within %s", t, seq, pingTimeout)
		return false, nil
	}
	return false, fmt.Errorf("peer %q: %w", t, err)
}

// whyNotDirect says in a clause why a path is the relay's, as far as this side
// knows, and what else is wrong with it.
func whyNotDirect(ctx context.Context, link *p2p.Link, path p2p.Path) string {
	if path.Kind == p2p.PathNone || isDirect(path.Kind) {
		return path.Why()
	}
	d, err := link.Diagnose(ctx)
	if err != nil {
		return "" // the link's end is told of elsewhere
	}
	return d.Why
}
