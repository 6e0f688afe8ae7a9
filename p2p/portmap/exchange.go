package portmap

import (
	"context"
	"errors"
	"net"
	"os"
	"time"
)

// A request is repeated after firstWait, then after twice as long each time. It fails after
// lastWait: 1.75 s in all.
const (
	firstWait = 250 * time.Millisecond
	lastWait  = time.Second
	maxStray  = 16 // unrelated answers that are skipped per attempt
)

// exchange sends a request over a connected socket until accept returns nil or an error other than
// errOther for an answer. It closes the socket.
func exchange(ctx context.Context, conn net.Conn, request []byte, accept func([]byte) error) error {
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	buf := make([]byte, pcpMax+1)
	for wait := firstWait; wait <= lastWait; wait *= 2 {
		deadline := time.Now().Add(wait)
		if err := conn.SetDeadline(deadline); err != nil {
			return ended(ctx, err)
		}
		if _, err := conn.Write(request); err != nil {
			return ended(ctx, err)
		}
		err := await(conn, buf, accept)
		if !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, errOther) {
			return ended(ctx, err)
		}
		select {
		case <-time.After(time.Until(deadline)): // unrelated answers must not shorten the wait
		case <-ctx.Done():
		}
	}
	return ended(ctx, ErrSilent)
}

// await reads answers until accept returns something other than errOther, up to maxStray.
func await(conn net.Conn, buf []byte, accept func([]byte) error) error {
	for range maxStray {
		n, err := conn.Read(buf)
		if err != nil {
			return err
		}
		if err := accept(buf[:n]); !errors.Is(err, errOther) {
			return err
		}
	}
	return errOther
}

// ended returns the context's cause if the context has ended, else err.
func ended(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
