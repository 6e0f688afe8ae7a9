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
		Usage:     "measure the round trip to a peer, and show the path",
		ArgsUsage: "WHO",
		Description: about("p2ptool ping bob\n"+
			"p2ptool ping bob -n 100 --require direct", whoHelp),
		Flags: append([]cli.Flag{
			&cli.IntFlag{Name: "n", Usage: "send `N` pings", Value: 4},
		}, connectFlags()...),
		Action: p.ping,
	}
}

func (p *program) ping(c *cli.Context) error {
	if err := arguments(c, 1, 1); err != nil {
		return err
	}
	if c.Int("n") < 1 {
		return usage("-n: %d is too few, use 1 or more", c.Int("n"))
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

// caller starts a node that accepts no calls, for a command that connects to who.
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

// pings sends count pings, one per second, and fails if none is answered.
func (n *node) pings(ctx context.Context, link *p2p.Link, t config.Target, count int) error {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	answered := 0
	var shown string // the last reason why the path is not direct
	for seq := 1; seq <= count; seq++ {
		ok, err := n.pingOnce(ctx, link, t, seq, &shown)
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
		return as(errTimeout, fmt.Errorf("peer %q did not answer", t))
	}
	return nil
}

// pingOnce sends a ping and reports whether it was answered. It prints why the path is not
// direct when that reason has changed. An error means that no more answers can arrive.
func (n *node) pingOnce(ctx context.Context, link *p2p.Link, t config.Target, seq int, shown *string) (bool, error) {
	within, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	rtt, path, err := link.Ping(within)
	switch {
	case err == nil:
		n.p.out.payload("%s: seq %d, %s, %s, %s", t, seq, terminal.Duration(rtt), path.Kind, path.Addr)
		path.RTT = rtt
		fields := n.p.fieldsOf(t.GUID, path)
		if fields.Why = whyNotDirect(ctx, link, path); fields.Why != *shown && fields.Why != "" {
			n.p.out.note("%s", p2p.Diagnosis{Kind: path.Kind, Why: fields.Why})
		}
		*shown = fields.Why
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

// whyNotDirect returns why a path is relayed, as far as this side knows, and what else is
// wrong with it, as a clause.
func whyNotDirect(ctx context.Context, link *p2p.Link, path p2p.Path) string {
	if path.Kind == p2p.PathNone || isDirect(path.Kind) {
		return path.Why()
	}
	d, err := link.Diagnose(ctx)
	if err != nil {
		return "" // the link has ended, which is reported elsewhere
	}
	return d.Why
}
