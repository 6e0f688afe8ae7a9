package portmap

import (
	"context"
	"errors"
	"net"
	"os"
	"time"
)

// A request is sent again after firstWait, then after twice as long each time, and
// given up after lastWait: 1.75 s in all.
const (
	firstWait = 250 * time.Millisecond
	lastWait  = time.Second
	maxStray  = 16 // answers to something else that are read past, each time
)

// exchange sends a request over a connected socket until accept takes an
// answer, or refuses it with another error than errOther. It closes the socket.
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
		case <-time.After(time.Until(deadline)): // strays do not have it sent sooner
		case <-ctx.Done():
		}
	}
	return ended(ctx, ErrSilent)
}

// await reads until accept is content, within bounds.
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

// ended returns the context's error where that is the reason.
func ended(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
