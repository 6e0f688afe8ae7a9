package cmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"p2ptool/internal/config"
	"p2ptool/internal/script"
	"p2ptool/p2p"
	"p2ptool/transfer"
)

func TestCodes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		err  error
		want code
	}{
		{errors.New("anything"), code{1, "failed"}},
		{p2p.ErrServerKey, code{1, "failed"}},
		{script.ErrNoMatch, code{1, "failed"}},
		{usage("x"), code{2, "usage"}},
		{config.Problems{{Text: "x"}}, code{2, "usage"}},
		{p2p.ErrOwnGUID, code{2, "usage"}},
		{config.ErrNoContact, code{2, "usage"}},
		{p2p.ErrOffline, code{3, "peer_offline"}},
		{p2p.ErrRefused, code{4, "refused"}},
		{&transfer.Error{Kind: transfer.ErrRefused, Peer: true}, code{4, "refused"}},
		{p2p.ErrNoPath, code{5, "no_path"}},
		{&transfer.Error{Kind: transfer.ErrIntegrity}, code{6, "integrity"}},
		{&transfer.Error{Kind: transfer.ErrStorage}, code{7, "storage"}},
		{&fs.PathError{Op: "open", Path: "x", Err: fs.ErrPermission}, code{7, "storage"}},
		{&transfer.Error{Kind: transfer.ErrPartial}, code{8, "partial"}},
		{as(errPartial, p2p.ErrOffline), code{8, "partial"}},
		{p2p.ErrNoServer, code{9, "timeout"}},
		{&script.StepError{Err: script.ErrTimeout}, code{9, "timeout"}},
		{context.DeadlineExceeded, code{9, "timeout"}},
		{errors.Join(errInterrupted, p2p.ErrOffline), code{130, "interrupted"}},
	}
	for _, tt := range tests {
		if got := codeOf(fmt.Errorf("doing: %w", hint(tt.err, "do"))); got != tt.want {
			t.Errorf("%v: %v, want %v", tt.err, got, tt.want)
		}
	}
}

func TestHint(t *testing.T) {
	t.Parallel()
	inner := hint(errors.New("broken"), "mend it with %s", "glue")
	err := hint(fmt.Errorf("cup: %w", inner), "throw it away")
	if err.Error() != "cup: broken" || hintOf(err) != "mend it with glue" {
		t.Errorf("%v: %q", err, hintOf(err))
	}
	if hint(nil, "x") != nil || hintOf(errors.New("x")) != "" {
		t.Error("a hint from nothing")
	}
}
