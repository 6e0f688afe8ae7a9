package cmd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"p2ptool/internal/config"
	"p2ptool/internal/terminal"
	"p2ptool/p2p"
)

const (
	settleFor  = 6 * time.Second        // longer than candidates are probed often
	settlePoll = 100 * time.Millisecond // between looks at the path
	viewWithin = 5 * time.Second        // for the peer to send its view
)

func (p *program) doctorCommand() *cli.Command {
	return &cli.Command{
		Name:      "doctor",
		Usage:     "explain why the path to a peer is (not) direct",
		ArgsUsage: "WHO",
		Description: about("p2ptool doctor bob\n"+
			"p2ptool doctor bob --json", "It shows what both sides know of their NATs and paths. "+whoHelp),
		Flags:  connectFlags(),
		Action: p.doctor,
	}
}

func (p *program) doctor(c *cli.Context) error {
	if err := arguments(c, 1, 1); err != nil {
		return err
	}
	n, t, err := p.caller(c, c.Args().First())
	if err != nil {
		return err
	}
	defer n.Close()
	link, err := n.reach(c.Context, t, c.Duration("wait"), "")
	if errors.Is(err, p2p.ErrVersion) {
		p.row("so", err.Error())
		return err
	}
	if err != nil {
		return hint(err, "`p2ptool netcheck` examines this side's network")
	}
	if err := n.settle(c.Context, link); err != nil {
		return err
	}
	f, err := findings(c.Context, link)
	switch {
	case c.Context.Err() != nil:
		return context.Cause(c.Context)
	case err != nil:
		return fmt.Errorf("peer %q: %w", t, err)
	}
	p.prescribe(t, f)
	return nil
}

// settle waits until the path is direct, its size and this side's NAT are known, or settleFor is
// over.
func (n *node) settle(ctx context.Context, link *p2p.Link) error {
	within, cancel := context.WithTimeout(ctx, settleFor)
	defer cancel()
	if n.cfg.Peer.Server != "" {
		_, _ = n.NAT(within) // the report shows an unknown NAT
	}
	poll := time.NewTicker(settlePoll)
	defer poll.Stop()
	for !isDirect(link.Path().Kind) && n.role.require != p2p.RequireRelay || !measured(ctx, link) {
		select {
		case <-poll.C:
		case <-link.Done():
			return nil // the next call on the link returns why
		case <-within.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// usualPacket is a packet length that nearly every path carries, with the headers of IP and UDP.
const usualPacket = 1228

// measured reports whether the size that the path in use carries is known.
func measured(ctx context.Context, link *p2p.Link) bool {
	v, err := link.View(ctx)
	if err != nil || len(v.Paths) == 0 {
		return true // there is nothing to wait for
	}
	return v.Paths[0].Limited || v.Paths[0].Carries >= usualPacket
}

func isDirect(k p2p.PathKind) bool { return k == p2p.PathLAN || k == p2p.PathDirect }

// A finding is what the two sides know about their link.
type finding struct {
	path      p2p.Path
	here      p2p.View
	there     *p2p.View // nil: the peer did not send its view
	silence   string    // why not
	diagnosis p2p.Diagnosis
}

// findings asks both sides. It fails if the link has ended.
func findings(ctx context.Context, link *p2p.Link) (f finding, err error) {
	within, cancel := context.WithTimeout(ctx, viewWithin)
	defer cancel()
	there, peerErr := link.PeerView(within)
	if f.here, err = link.View(ctx); err != nil {
		return f, err
	}
	f.path = link.Path()
	switch {
	case peerErr == nil:
		f.there = &there
	case errors.Is(peerErr, p2p.ErrRefused):
		f.silence = "it does not support this query"
	case within.Err() != nil:
		f.silence = "it does not answer"
	default:
		f.silence = terminal.Visible(peerErr.Error())
	}
	if f.there == nil {
		there = p2p.View{NAT: link.NAT()}
	}
	f.diagnosis = p2p.Diagnose(f.here, there)
	return f, nil
}

// prescribe prints the findings.
func (p *program) prescribe(t config.Target, f finding) {
	p.row("path", describe(f.path))
	p.sideRows("here", f.here)
	if f.there != nil {
		p.sideRows("there", *f.there)
	} else {
		p.row("there", "unknown: "+f.silence)
	}
	p.triedRows("from here", f.here)
	if f.there != nil {
		p.triedRows("from there", *f.there)
	}
	p.row("so", f.diagnosis.String())
	p.out.event(p.doctorOf(t.GUID, f))
}

func (p *program) row(what, text string) { p.out.payload("%-10s  %s", what, text) }

// sideRows prints a side's NAT and candidates.
func (p *program) sideRows(what string, v p2p.View) {
	p.row(what, fmt.Sprintf("mapping %s, filtering %s", mappingLine(v.NAT), v.NAT.Filtering))
	for _, c := range v.Candidates {
		p.row("", fmt.Sprintf("%-10s  %s", c.Kind, c.Addr))
	}
}

// triedRows prints the paths that one side tried, and their states.
func (p *program) triedRows(what string, v p2p.View) {
	width := 0
	for _, t := range v.Paths {
		width = max(width, len(t.Addr.String()))
	}
	for _, t := range v.Paths {
		p.row(what, fmt.Sprintf("%-6s  %-*s  %s", t.Kind, width, t.Addr, stateOf(t)))
		what = ""
	}
}

// stateOf returns the state of a path in words.
func stateOf(t p2p.PathReport) string {
	s := "untested"
	switch {
	case t.State == p2p.StateValid && t.RTT > 0:
		s = "answers in " + terminal.Duration(t.RTT)
	case t.State == p2p.StateValid:
		s = "answers"
	case t.State == p2p.StateLost:
		s = "lost: it no longer answers"
	case t.Pings == 1:
		s = "no answer to a ping"
	case t.Pings > 1:
		s = fmt.Sprintf("no answer to %d pings", t.Pings)
	}
	if t.Heard {
		s += ", but packets from there arrive"
	}
	switch {
	case t.Limited && t.Carries > 0:
		s += fmt.Sprintf(", carries packets of at most %d bytes", t.Carries)
	case t.Limited:
		s += ", carries small packets, but none of 576 bytes"
	}
	if t.InUse {
		s += ", in use"
	}
	return s
}
