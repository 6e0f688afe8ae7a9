package cmd

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	"github.com/urfave/cli/v2"

	"p2ptool/internal/config"
	"p2ptool/internal/script"
	"p2ptool/internal/terminal"
	"p2ptool/p2p"
	"p2ptool/p2p/chat"
)

// forever is longer than anybody waits.
const forever = 100 * 365 * 24 * time.Hour

func (p *program) chatCommand() *cli.Command {
	return &cli.Command{
		Name:      "chat",
		Usage:     "chat with a peer, or send it the lines of stdin",
		ArgsUsage: "WHO",
		Description: "On a terminal: type lines, and /help for more; without --wait it waits for the peer.\n" +
			"From a pipe: sends each line as it is, waits until all are delivered, and ends. A line that is not\n" +
			"UTF-8, or longer than 65,536 bytes, ends the input with exit code 2: those before it are delivered.",
		Flags: append(connectFlags(),
			&cli.DurationFlag{Name: "linger", Usage: "from a pipe: keep receiving for `DURATION`"},
			&cli.StringFlag{Name: "wait-line", Usage: "from a pipe: keep receiving until a line matches `REGEXP`, for --timeout or --linger where given, else 1m"},
			&cli.StringFlag{Name: "script", Usage: "take the steps in `FILE` first", TakesFile: true}),
		Action: p.chat,
	}
}

func (p *program) chat(c *cli.Context) error {
	if err := arguments(c, 1, 1); err != nil {
		return err
	}
	co, err := p.conversation(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(c.Context)
	defer cancel(nil)
	return co.run(ctx, cancel)
}

// A conversation is what the chat command does.
type conversation struct {
	p        *program
	cfg      *config.Config
	target   config.Target
	role     role
	wait     time.Duration // for the peer to come, and to come back
	linger   time.Duration // after the last line from a pipe
	limit    time.Duration // for the line that is waited for; 0: not given
	waitLine *regexp.Regexp
	steps    []script.Step
	commands bool // the steps may run commands
	matched  chan struct{}

	talks    *talks
	talk     *talk
	inbox    *inbox
	arrivals arrivals
	n        *node
	errands  sync.WaitGroup // what runs beside the input
	cut      atomic.Bool    // a file was being sent when all ended
}

// conversation reads the command line.
func (p *program) conversation(c *cli.Context) (*conversation, error) {
	cfg, err := p.online(c)
	if err != nil {
		return nil, err
	}
	co := &conversation{
		p: p, cfg: cfg, wait: c.Duration("wait"), linger: c.Duration("linger"), limit: limitOf(c),
		inbox: p.inbox(cfg), matched: make(chan struct{}),
	}
	if co.target, err = target(cfg, c.Args().First()); err != nil {
		return nil, err
	}
	if co.role, err = p.role(c); err != nil {
		return nil, err
	}
	if s := c.String("wait-line"); s != "" {
		if co.waitLine, err = regexp.Compile(s); err != nil {
			return nil, usage("--wait-line: %w", err)
		}
	}
	if p.interactive() && !c.IsSet("wait") {
		co.wait = forever
	}
	co.steps, co.commands, err = steps(c.String("script"), cfg)
	co.role.friend = co.target.GUID
	co.talks = &talks{p: p, only: &co.target.GUID, said: co.said,
		name: func(peer p2p.GUID) string { return nameOf(cfg, peer) }}
	return co, err
}

// interactive reports whether a person types the lines.
func (p *program) interactive() bool {
	return terminal.IsTerminal(p.env.Stdin) && (terminal.IsTerminal(p.env.Stderr) || terminal.IsTerminal(p.env.Stdout))
}

// said looks for the line of --wait-line. It is called for one line at a time.
func (co *conversation) said(_ *talk, text string) {
	if co.waitLine == nil || !co.waitLine.MatchString(text) {
		return
	}
	select {
	case <-co.matched:
	default:
		close(co.matched)
	}
}

// run connects, and has the conversation while it is there.
func (co *conversation) run(ctx context.Context, cancel context.CancelCauseFunc) error {
	co.inbox.received = co.arrivals.add
	co.role.handlers = co.handlers(ctx)
	co.talk = co.talks.talk(co.target.GUID)
	n, err := co.p.meet(ctx, co.cfg, co.target, co.wait, co.role)
	if err != nil {
		co.talks.close()
		return err
	}
	co.n = n
	co.errands.Go(func() {
		if err := co.keep(ctx); err != nil {
			cancel(err)
		}
	})
	err = co.converse(ctx, cancel)
	co.talks.close()
	cancel(nil)
	co.errands.Wait()
	return co.keeps(errors.Join(err, n.Close()))
}

// keeps adds to the end of a conversation how transfers that it cut short go on.
func (co *conversation) keeps(err error) error {
	switch kept := co.inbox.kept(); {
	case kept != "":
		return hint(err, "%s", kept)
	case co.cut.Load():
		return hint(err, "send the same files again to resume")
	}
	return err
}

// handlers takes the streams that the peer opens.
func (co *conversation) handlers(ctx context.Context) map[string]func(*p2p.Link, *p2p.Stream) {
	return map[string]func(*p2p.Link, *p2p.Stream){
		kindChat:  func(l *p2p.Link, s *p2p.Stream) { co.talks.take(l, s) },
		kindFile:  func(l *p2p.Link, s *p2p.Stream) { co.inbox.take(ctx, l, s) },
		kindBench: func(l *p2p.Link, s *p2p.Stream) { co.inbox.measured(ctx, l, s) },
	}
}

// keep has the streams, and reconnects where links break.
func (co *conversation) keep(ctx context.Context) error {
	if co.n.came {
		co.talk.called(ctx)
	}
	return co.talk.keep(ctx, co.wait, func(ctx context.Context) (*p2p.Link, error) {
		return co.n.reach(ctx, co.target, max(co.wait, reconnectFor), kindChat)
	})
}

// converse takes the steps of the script, and then what is typed or piped in.
func (co *conversation) converse(ctx context.Context, cancel context.CancelCauseFunc) error {
	quit, err := script.Run(ctx, co.steps, &scriptEnv{co}, script.Options{Commands: co.commands})
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case quit || err != nil:
		return err
	case co.p.interactive():
		return co.typed(ctx, cancel)
	}
	return co.piped(ctx)
}

// ended tells what the end of the conversation means for the command.
func (co *conversation) ended(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, chat.ErrPeerLeft):
		return fmt.Errorf("%q: %w", co.target, err)
	}
	return err
}
