package cmd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"p2ptool/internal/terminal"
	"p2ptool/p2p/chat"
	"p2ptool/transfer"
)

// typed takes lines from the terminal until /quit, Ctrl-D or Ctrl-C.
func (co *conversation) typed(ctx context.Context, cancel context.CancelCauseFunc) error {
	screen := co.p.env.Stdout
	if !terminal.IsTerminal(screen) {
		screen = co.p.env.Stderr
	}
	var editor *terminal.Editor
	giveBack, err := co.p.out.take(func() (_ terminalScreen, err error) {
		editor, err = terminal.NewEditor(co.p.env.Stdin, screen, "> ")
		return editor, err
	}, terminal.IsTerminal(co.p.env.Stdout))
	if err != nil {
		return err
	}
	defer giveBack()
	co.inbox.setAsk(editor.Ask)
	defer co.inbox.setAsk(nil)
	stop := make(chan struct{})
	defer close(stop)
	co.errands.Go(func() {
		select {
		case <-editor.Interrupted():
			cancel(errInterrupted)
		case <-co.talk.heard:
			cancel(errLeft)
		case <-stop:
		}
	})
	co.p.out.note("talking with %s, /help tells what else can be typed", co.target)
	err = co.each(ctx, func() (string, error) { return editor.ReadLine(ctx) })
	return co.over(ctx, err)
}

// over tells what the end of typing means.
func (co *conversation) over(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, terminal.ErrInterrupted):
		return errInterrupted
	case context.Cause(ctx) == errLeft:
		co.p.out.note("%s has left the chat", co.target)
		return nil
	case errors.Is(err, io.EOF), errors.Is(err, os.ErrClosed), errors.Is(err, errQuit):
		return nil
	}
	return co.ended(ctx, err)
}

// piped takes lines from a pipe or file, waits until all are delivered, and then for
// what the flags say. A read that blocks does not hold up the end: the process
// ends without it.
func (co *conversation) piped(ctx context.Context) error {
	lines := make(chan string)
	end := make(chan error, 1)
	go func() { end <- scan(ctx, co.p.env.Stdin, lines) }()
	err := co.each(ctx, func() (string, error) {
		select {
		case line := <-lines:
			return line, nil
		case err := <-end:
			return "", err
		case <-ctx.Done():
			return "", ctx.Err()
		}
	})
	if !errors.Is(err, io.EOF) && !errors.Is(err, errQuit) {
		return co.ended(ctx, err)
	}
	if err := co.talk.room.WaitDelivered(ctx); err != nil {
		return co.ended(ctx, err)
	}
	return co.stay(ctx)
}

// scan gives the lines of a reader to a channel. At the end it returns io.EOF.
func scan(ctx context.Context, r io.Reader, lines chan<- string) error {
	s := bufio.NewScanner(r)
	s.Buffer(nil, chat.MaxText+2)
	for s.Scan() {
		select {
		case lines <- s.Text():
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	switch err := s.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return as(errUsage, chat.ErrTooLong)
	case err != nil:
		return err
	}
	return io.EOF
}

// stay receives for as long as --linger and --wait-line say.
func (co *conversation) stay(ctx context.Context) error {
	if co.waitLine == nil && co.linger <= 0 {
		return nil
	}
	var matched, late <-chan struct{}
	if co.waitLine != nil {
		matched = co.matched
	}
	if co.linger > 0 {
		timeout, stop := context.WithTimeout(context.Background(), co.linger)
		defer stop()
		late = timeout.Done()
	}
	select {
	case <-matched:
	case <-late:
		return co.missed(fmt.Errorf("%w after %s", errTimeout, co.linger))
	case <-co.talk.heard:
		return co.missed(chat.ErrPeerLeft)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// missed is the error of an end without the line that was waited for.
func (co *conversation) missed(err error) error {
	if co.waitLine == nil {
		return nil
	}
	select {
	case <-co.matched:
		return nil
	default:
		return fmt.Errorf("no line matched %q: %w", co.waitLine, err)
	}
}

// each sends the lines that next gives, and obeys those that are commands.
func (co *conversation) each(ctx context.Context, next func() (string, error)) error {
	for {
		line, err := next()
		if err != nil {
			return err
		}
		command, isCommand := strings.CutPrefix(line, "/")
		if isCommand && !strings.HasPrefix(command, "/") {
			err = co.command(ctx, command)
		} else {
			_, err = co.talk.room.Send(ctx, command)
		}
		if err != nil {
			return err
		}
	}
}

// command does what stands behind a slash.
func (co *conversation) command(ctx context.Context, line string) error {
	name, argument, _ := strings.Cut(line, " ")
	argument = strings.TrimSpace(argument)
	switch name {
	case "quit":
		return errQuit
	case "help":
		for _, l := range []string{"/send PATH  send a file or folder", "/peers      who is online",
			"/path       how packets travel", "/quit       end", "//...       a line that begins with a slash"} {
			co.p.out.note("%s", l)
		}
		return nil
	case "path":
		co.showPath(ctx)
		return nil
	case "peers":
		return co.aside(co.n.listPeers(ctx))
	case "send":
		return co.sendPath(ctx, argument)
	}
	return co.aside(hint(usage("unknown command %q", "/"+name), "// at the beginning sends a slash"))
}

// aside tells a person what went wrong, and goes on; from a pipe it is the end.
func (co *conversation) aside(err error) error {
	if err == nil || !co.p.interactive() {
		return err
	}
	co.p.complain(err)
	return nil
}

// showPath tells how packets travel, and why they do not directly.
func (co *conversation) showPath(ctx context.Context) {
	link := co.talk.link.Load()
	if link == nil {
		co.p.out.note("there is no link to %s now", co.target)
		return
	}
	path := link.Path()
	fields := fieldsOf(link.Peer(), path)
	line := describe(path)
	if fields.Why = whyNotDirect(ctx, link, path); fields.Why != "" {
		line += ": " + fields.Why
	}
	co.p.out.payload("%s", line)
	co.p.out.event(pathEvent{fields})
}

// sendPath sends a file, beside the chat where a person types.
func (co *conversation) sendPath(ctx context.Context, path string) error {
	if path == "" {
		return co.aside(usage("/send: PATH is missing"))
	}
	if err := checkPaths([]string{path}); err != nil {
		return co.aside(err)
	}
	send := func() error { return co.sending(path).to(ctx, co.target) }
	if !co.p.interactive() {
		return send()
	}
	co.errands.Go(func() {
		switch err := send(); {
		case err != nil && ctx.Err() == nil:
			co.p.complain(err)
		case err != nil:
			co.cut.Store(true)
		}
	})
	return nil
}

func (co *conversation) sending(path string) *sending {
	return &sending{n: co.n, source: transfer.Source{Paths: []string{path}}, wait: min(co.wait, time.Hour)}
}
