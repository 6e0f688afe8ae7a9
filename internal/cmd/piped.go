package cmd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"p2ptool/p2p/chat"
)

// readPipe sends the lines of a pipe or file as they are, waits until all are delivered, and then for
// what the flags say. A line that cannot be sent as it is ends the input: the lines before it are
// delivered, and neither it nor the lines after it are sent. A read that blocks does not delay the end:
// the process ends without it.
func (co *conversation) readPipe(ctx context.Context) error {
	lines := make(chan string)
	end := make(chan error, 1)
	go func() { end <- scan(ctx, co.p.env.Stdin, lines) }()
	err := co.sendLines(ctx, lines, end)
	if !errors.Is(err, io.EOF) && !errors.Is(err, errUsage) {
		return co.ended(ctx, err)
	}
	if err := co.talk.room.WaitDelivered(ctx); err != nil {
		return co.ended(ctx, err)
	}
	if errors.Is(err, errUsage) {
		return err
	}
	return co.stay(ctx)
}

// sendLines sends lines until the input ends, and returns why it ended.
func (co *conversation) sendLines(ctx context.Context, lines <-chan string, end <-chan error) error {
	for {
		select {
		case line := <-lines:
			if err := co.talk.say(ctx, line); err != nil {
				return err
			}
		case err := <-end:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// scan sends the lines of a reader to a channel. At the end it returns io.EOF, or an error of usage
// for a line that a chat cannot carry.
func scan(ctx context.Context, r io.Reader, lines chan<- string) error {
	s := bufio.NewScanner(r)
	s.Buffer(nil, chat.MaxText+2)
	n := 1
	for ; s.Scan(); n++ {
		if !utf8.Valid(s.Bytes()) {
			return hint(usage("stdin, line %d is not UTF-8; neither it nor the lines after it were sent", n),
				"convert it with iconv, or send it as a file with `p2ptool send`")
		}
		if len(s.Bytes()) > chat.MaxText {
			return longLine(n)
		}
		select {
		case lines <- s.Text():
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	switch err := s.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return longLine(n)
	case err != nil:
		return fmt.Errorf("reading stdin: %w", err)
	}
	return io.EOF
}

func longLine(n int) error {
	return hint(usage("stdin, line %d is longer than %d bytes; neither it nor the lines after it were sent", n, chat.MaxText),
		"send it as a file with `p2ptool send`")
}

// waitForLine is how long --wait-line waits by default.
const waitForLine = time.Minute

// stayFor returns how long to keep receiving.
func (co *conversation) stayFor() time.Duration {
	switch {
	case co.waitLine == nil:
		return co.linger
	case co.limit > 0 && co.linger > 0:
		return min(co.limit, co.linger)
	case co.limit > 0 || co.linger > 0:
		return max(co.limit, co.linger)
	}
	return waitForLine
}

// stay keeps receiving for as long as --linger and --wait-line say.
func (co *conversation) stay(ctx context.Context) error {
	if co.waitLine == nil && co.linger <= 0 {
		return nil
	}
	var matched <-chan struct{}
	if co.waitLine != nil {
		matched = co.matched
	}
	limit := co.stayFor()
	late := time.NewTimer(limit)
	defer late.Stop()
	select {
	case <-matched:
	case <-late.C:
		return co.missed(fmt.Errorf("%w after %s", errTimeout, limit))
	case <-co.talk.ended:
		return co.missed(chat.ErrPeerLeft)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// missed returns err, unless the line of --wait-line has arrived or there is no such flag.
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
