package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"p2ptool/internal/config"
	"p2ptool/p2p"
	"p2ptool/transfer"
)

// senderReturns is how long --once waits for a sender whose link broke.
const senderReturns = time.Minute

func (p *program) receiveCommand() *cli.Command {
	return &cli.Command{
		Name:  "receive",
		Usage: "wait for files",
		Description: about("p2ptool receive --dir inbox                       # asks before it accepts files\n"+
			"p2ptool receive --from bob --once --yes           # one transfer, without asking\n"+
			"p2ptool receive --from bob --yes --stdout | tar x", whoHelp),
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "from", Usage: "accept files from `WHO` only"},
			&cli.StringFlag{Name: "dir", Usage: "put received files into `FOLDER`"},
			&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: "accept files without asking"},
			&cli.BoolFlag{Name: "once", Usage: "end after one transfer, with its exit code"},
			&cli.BoolFlag{Name: "stdout", Usage: "write a single file to stdout, and end"},
		}, onlineFlags()...),
		Action: p.receive,
	}
}

func (p *program) receive(c *cli.Context) error {
	if err := arguments(c, 0, 0); err != nil {
		return err
	}
	cfg, err := p.online(c)
	if err != nil {
		return err
	}
	in, err := p.receiver(c, cfg)
	if err != nil {
		return err
	}
	r, err := p.role(c)
	if err != nil {
		return err
	}
	if in.rules.from != nil {
		r.friend = *in.rules.from
	}
	once := c.Bool("once") || c.Bool("stdout")
	p.service.Store(!once)
	ctx, cancel := context.WithCancel(c.Context)
	outcomes := make(chan outcome)
	in.ended = func(o outcome) {
		select {
		case outcomes <- o:
		case <-ctx.Done():
		}
	}
	r.handlers = map[string]func(*p2p.Link, *p2p.Stream){
		kindFile:  func(l *p2p.Link, s *p2p.Stream) { in.handleFile(ctx, l, s) },
		kindBench: func(l *p2p.Link, s *p2p.Stream) { in.handleBench(ctx, l, s) },
	}
	n, err := p.start(cfg, r)
	if err != nil {
		cancel()
		return err
	}
	defer n.Close()
	defer cancel() // before Close, which waits for the handlers
	if err := n.ready(ctx); err != nil {
		return err
	}
	return in.wait(ctx, outcomes, once, limitOf(c))
}

// receiver returns an inbox by the flags.
func (p *program) receiver(c *cli.Context, cfg *config.Config) (*inbox, error) {
	in := p.inbox(cfg)
	in.yesFlag = "use --yes, or "
	in.rules.yes, in.rules.into = c.Bool("yes"), c.String("dir")
	if c.Bool("stdout") {
		if p.out.json {
			return nil, usage("--stdout and --json both write to stdout, use one of them")
		}
		if c.IsSet("dir") {
			return nil, usage("--stdout and --dir cannot be combined")
		}
		in.out = p.env.Stdout
	}
	if who := c.String("from"); who != "" {
		t, err := cfg.Target(who)
		if err != nil {
			return nil, as(errUsage, err)
		}
		in.rules.from = &t.GUID
	}
	if in.out == nil {
		dir := in.rules.dir(p2p.GUID{})
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return in, err
		}
		if err := transfer.CheckTarget(dir); err != nil {
			return in, fmt.Errorf("receiving into %q: %w", dir, err)
		}
	}
	return in, nil
}

// inbox returns an inbox by the config's rules.
func (p *program) inbox(cfg *config.Config) *inbox {
	return &inbox{p: p, rules: rules{cfg: cfg}, questions: newQuestions()}
}

// limitOf returns how long --timeout allows a command to wait, or 0 where it is not
// given.
func limitOf(c *cli.Context) time.Duration {
	if !c.IsSet("timeout") {
		return 0
	}
	return c.Duration("timeout")
}

// after is time.After, of which 0 never comes.
func after(d time.Duration) <-chan time.Time {
	if d == 0 {
		return nil
	}
	return time.After(d)
}

// wait returns when the context ends, after the limit unless that is 0, or with once, after a
// transfer.
func (in *inbox) wait(ctx context.Context, outcomes <-chan outcome, once bool, limit time.Duration) error {
	late := after(limit)
	var last error
	var giveUp <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return hint(context.Cause(ctx), "%s", in.resumeHint())
		case <-giveUp:
			giveUp = nil
			if in.unfinished.Load() == 0 {
				return last
			}
		case <-late:
			return hint(fmt.Errorf("receive: %w after %s", errTimeout, limit), "%s", in.resumeHint())
		case o := <-outcomes:
			if o.err != nil {
				last = in.explain(o.err)
			}
			switch {
			case o.err != nil && (!once || in.passedOver(o)):
				if o.accepted || in.reports(o.peer) {
					in.p.complain(last)
				}
			case !once:
			case in.mayReturn(o.err):
				in.p.out.note("link to %s broke, waiting for the sender to reconnect", nameOf(in.rules.cfg, o.peer))
				giveUp = time.After(senderReturns)
			case o.err != nil:
				return last
			default:
				return nil
			}
		}
	}
}

// passedOver reports whether a transfer does not count for --once, so that no stranger ends a receive with an
// offer that the rules refuse, that is withdrawn or malformed, or that there is nobody to ask about. An offer
// counts if it was accepted, if the user declined it, if there is no room for it here, or if it comes from a
// known peer and there is nobody to ask: then no other will be accepted either.
func (in *inbox) passedOver(o outcome) bool {
	if o.accepted || errors.Is(o.err, errDeclined) {
		return false
	}
	if _, unasked := errors.AsType[*notAskedError](o.err); unasked {
		return !in.rules.knows(o.peer)
	}
	verdict, _ := in.rules.judge(o.peer, transfer.Offer{})
	return verdict == refuse || !errors.Is(o.err, transfer.ErrStorage)
}

// mayReturn reports whether the sender may come back and go on.
func (in *inbox) mayReturn(err error) bool {
	te, ok := errors.AsType[*transfer.Error](err)
	return ok && te.Resumable && errors.Is(err, transfer.ErrInterrupted) && in.out == nil
}
