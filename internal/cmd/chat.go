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
		Usage:     "chat with a peer, or send it lines from a pipe",
		ArgsUsage: "WHO",
		Description: about("p2ptool chat bob                                     # type lines, /help lists commands, Ctrl-D ends\n"+
			"echo status | p2ptool chat bob --wait-line '^ok'     # send one line and wait for the answer\n"+
			"p2ptool chat bob --script steps.toml                 # run a script first",
			"On a terminal it waits for the peer to come online. From a pipe it sends every line as it is,\n"+
				"waits until all are delivered, and ends. A line that is not UTF-8, or longer than 65,536 bytes,\n"+
				"ends the input with exit code 2, after the lines before it are delivered.\n\n"+whoHelp),
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "script", Usage: "run the steps in `FILE` first", TakesFile: true},
			&cli.StringFlag{Name: "wait-line", Usage: "after the last line of a pipe, receive until a line matches `REGEXP`, for up to --timeout or --linger (default 1m)"},
			&cli.DurationFlag{Name: "linger", Usage: "after the last line of a pipe, keep receiving for `DURATION`"},
		}, connectFlags()...),
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

// A conversation is the state of a chat or run command.
type conversation struct {
	p        *program
	cfg      *config.Config
	target   config.Target
	role     role
	wait     time.Duration // for the peer to come online, and to come back
	linger   time.Duration // how long to receive after the last line of a pipe
	limit    time.Duration // how long to wait for waitLine; 0: no --timeout
	waitLine *regexp.Regexp
	steps    []script.Step
	commands bool // the steps may run commands
	matched  chan struct{}

	talks    *talks
	talk     *talk
	inbox    *inbox
	arrivals arrivals
	n        *node
	tasks    sync.WaitGroup // goroutines beside the one that reads input
	unsent   atomic.Bool    // a file was still being sent at the end
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
	co.talks = &talks{p: p, only: &co.target.GUID, onLine: co.matchLine,
		name: func(peer p2p.GUID) string { return nameOf(cfg, peer) }}
	return co, err
}

// interactive reports whether lines come from a terminal.
func (p *program) interactive() bool {
	return terminal.IsTerminal(p.env.Stdin) && (terminal.IsTerminal(p.env.Stderr) || terminal.IsTerminal(p.env.Stdout))
}

// matchLine checks a received line against --wait-line. It is called for one line at a time.
func (co *conversation) matchLine(text string) {
	if co.waitLine == nil || !co.waitLine.MatchString(text) {
		return
	}
	select {
	case <-co.matched:
	default:
		close(co.matched)
	}
}

// run connects to the target and chats until the input or the chat ends.
func (co *conversation) run(ctx context.Context, cancel context.CancelCauseFunc) error {
	co.inbox.received = co.received
	co.role.handlers = co.handlers(ctx)
	co.talk = co.talks.talk(co.target.GUID)
	n, err := co.p.meet(ctx, co.cfg, co.target, co.wait, co.role)
	if err != nil {
		co.talks.close()
		return err
	}
	co.n = n
	co.tasks.Go(func() {
		if err := co.keepConnected(ctx); err != nil {
			cancel(err)
		}
	})
	err = co.interact(ctx, cancel)
	co.talks.close()
	cancel(nil)
	co.tasks.Wait()
	return co.withResumeHint(errors.Join(err, n.Close()))
}

// withResumeHint adds to the command's error how to resume the transfers that it interrupted.
func (co *conversation) withResumeHint(err error) error {
	switch kept := co.inbox.resumeHint(); {
	case kept != "":
		return hint(err, "%s", kept)
	case co.unsent.Load():
		return hint(err, "send the same files again to resume")
	}
	return err
}

// handlers returns the handlers of the streams that the peer opens, by kind.
func (co *conversation) handlers(ctx context.Context) map[string]func(*p2p.Link, *p2p.Stream) {
	return map[string]func(*p2p.Link, *p2p.Stream){
		kindChat:  func(l *p2p.Link, s *p2p.Stream) { co.talks.handle(l, s) },
		kindFile:  func(l *p2p.Link, s *p2p.Stream) { co.inbox.handleFile(ctx, l, s) },
		kindBench: func(l *p2p.Link, s *p2p.Stream) { co.inbox.handleBench(ctx, l, s) },
	}
}

// keepConnected keeps a chat stream to the target, and reconnects when the link breaks.
func (co *conversation) keepConnected(ctx context.Context) error {
	if co.n.wasCalled {
		co.talk.awaitStream(ctx)
	}
	return co.talk.keepConnected(ctx, co.wait, func(ctx context.Context) (*p2p.Link, error) {
		return co.n.reach(ctx, co.target, max(co.wait, reconnectFor), kindChat)
	})
}

// interact runs the script, then reads lines from the terminal or a pipe.
func (co *conversation) interact(ctx context.Context, cancel context.CancelCauseFunc) error {
	quit, err := script.Run(ctx, co.steps, &scriptEnv{co}, script.Options{Commands: co.commands})
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case quit || err != nil:
		return err
	case co.p.interactive():
		return co.readTerminal(ctx, cancel)
	}
	return co.readPipe(ctx)
}

// ended returns the command's error for an error that ended the chat.
func (co *conversation) ended(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, chat.ErrPeerLeft):
		return fmt.Errorf("%q: %w", co.target, err)
	}
	return err
}
