package cmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"p2ptool/internal/bench"
	"p2ptool/internal/config"
	"p2ptool/internal/script"
	"p2ptool/p2p"
	"p2ptool/p2p/chat"
	"p2ptool/transfer"
)

// A cause is why this package canceled a context. The packages below see it as
// context.Canceled.
type cause string

func (c cause) Error() string { return string(c) }

// Is makes errors.Is(c, context.Canceled) true.
func (c cause) Is(target error) bool { return target == context.Canceled }

// The causes of cancellation.
const (
	errInterrupted = cause("interrupted")         // Ctrl-C
	errTerminated  = cause("terminated")          // SIGTERM
	errHungUp      = cause("hung up")             // SIGHUP, or the terminal is gone
	errQuit        = cause("quit")                // /quit in a chat
	errLeft        = cause("the other side left") // the chat
	errCalled      = cause("the peer called")     // while this side waited for it
)

// Errors of this package. Those of the packages below have codes as well.
var (
	errUsage   = errors.New("invalid usage")
	errTimeout = errors.New("timed out")
	errPartial = errors.New("some files failed")
)

const (
	statusDone        = 0
	statusInterrupted = 130
)

// A code is the result of a command for scripts: the exit status and its name.
type code struct {
	status int
	name   string
}

// codeOf returns the code for an error. No other place maps errors to codes.
func codeOf(err error) code {
	for _, c := range []struct {
		code code
		is   []error
	}{
		{code{statusInterrupted, "interrupted"}, []error{errInterrupted, errTerminated, errHungUp}},
		{code{2, "usage"}, []error{errUsage, p2p.ErrOwnGUID, p2p.ErrNotServing, config.ErrNoContact}},
		{code{8, "partial"}, []error{errPartial, transfer.ErrPartial}},
		{code{3, "peer_offline"}, []error{p2p.ErrOffline}},
		{code{4, "refused"}, []error{p2p.ErrRefused, transfer.ErrRefused}},
		{code{5, "no_path"}, []error{p2p.ErrNoPath}},
		{code{1, "version"}, []error{p2p.ErrVersion, transfer.ErrVersion, chat.ErrVersion, bench.ErrVersion}},
		{code{6, "integrity"}, []error{transfer.ErrIntegrity}},
		{code{7, "storage"}, storageErrors()},
		{code{9, "timeout"}, []error{errTimeout, script.ErrTimeout, p2p.ErrNoServer, context.DeadlineExceeded}},
	} {
		for _, sentinel := range c.is {
			if errors.Is(err, sentinel) {
				return c.code
			}
		}
	}
	if _, ok := errors.AsType[config.Problems](err); ok {
		return code{2, "usage"}
	}
	if _, ok := errors.AsType[config.Problem](err); ok {
		return code{2, "usage"}
	}
	return code{1, "failed"}
}

func storageErrors() []error {
	return []error{transfer.ErrStorage, fs.ErrPermission, syscall.ENOSPC, syscall.EROFS, syscall.EDQUOT}
}

// A marked error also matches kind, which its text does not mention.
type marked struct {
	error
	kind error
}

// Unwrap returns the error and its kind.
func (m *marked) Unwrap() []error { return []error{m.error, m.kind} }

// as makes err match kind as well.
func as(kind, err error) error { return &marked{err, kind} }

// usage returns an error in the command line or the config.
func usage(format string, args ...any) error { return as(errUsage, fmt.Errorf(format, args...)) }

// A hinted error comes with advice for its reader.
type hinted struct {
	error
	hint string
}

// Unwrap returns the error without its hint.
func (h *hinted) Unwrap() error { return h.error }

// hint adds advice to an error. Nil stays nil, and an error that has a hint keeps it.
func hint(err error, format string, args ...any) error {
	if err == nil || hintOf(err) != "" {
		return err
	}
	return &hinted{err, fmt.Sprintf(format, args...)}
}

// hintOf returns an error's hint, or "".
func hintOf(err error) string {
	if h, ok := errors.AsType[*hinted](err); ok {
		return h.hint
	}
	return ""
}
