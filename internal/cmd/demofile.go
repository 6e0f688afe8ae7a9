package cmd

import (
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"p2ptool/internal/terminal"
	"p2ptool/p2p"
	"p2ptool/transfer"
)

// demoFile is the name of the file that is sent.
const demoFile = "demo.bin"

// received is the result on bob's side.
type received struct {
	result transfer.Result
	file   transfer.File
	err    error
}

// file sends a file and compares four digests of it: of the bytes written, as ann sent it,
// as bob received it, and of bob's file.
func (d *demo) file(ctx context.Context, link *p2p.Link) error {
	begun := time.Now()
	source := filepath.Join(d.dir, "ann", demoFile)
	written, err := writeRandom(ctx, source, d.size)
	if err != nil {
		return err
	}
	d.report(begun, "created a random file of %s", terminal.Bytes(d.size))

	begun = time.Now()
	sent, err := d.send(ctx, link, source)
	if err != nil {
		return fmt.Errorf("sending: %w", err)
	}
	var got received
	select {
	case got = <-d.received:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if got.err != nil {
		return fmt.Errorf("receiving: %w", got.err)
	}
	took := time.Since(begun)
	d.report(begun, "ann sent it to bob at %.1f MB/s, path %s", float64(d.size)/1e6/took.Seconds(), link.Path().Kind)

	begun = time.Now()
	if err := d.verify(ctx, written, sent.BLAKE3, got.file.BLAKE3); err != nil {
		return err
	}
	d.report(begun, "bob's copy is identical, BLAKE3 %x", written)
	d.p.out.event(doneEvent{
		who:      d.p.who(d.bob.GUID()),
		Transfer: hex.EncodeToString(got.result.ID[:]), Files: got.result.Files,
		Bytes: got.result.Bytes, Seconds: took.Seconds(),
	})
	return nil
}

// verify compares the digest of the bytes written with the others and with that of bob's
// file.
func (d *demo) verify(ctx context.Context, written [32]byte, others ...[32]byte) error {
	read, err := digestOf(ctx, filepath.Join(d.dir, "bob", demoFile))
	if err != nil {
		return err
	}
	for _, digest := range append(others, read) {
		if digest != written {
			return as(transfer.ErrIntegrity, fmt.Errorf("the file is damaged: its digest is %x, not %x", digest, written))
		}
	}
	return nil
}

func (d *demo) send(ctx context.Context, link *p2p.Link, path string) (transfer.File, error) {
	stream, err := link.OpenStream(kindFile)
	if err != nil {
		return transfer.File{}, err
	}
	stream.SetPriority(bulkPriority)
	w := d.p.watch(sendingTo, "bob", link)
	w.quiet = true
	var file transfer.File
	res, err := transfer.Send(ctx, stream, transfer.Source{Paths: []string{path}}, transfer.SendOptions{
		OnEvent: func(e transfer.Event) {
			w.onEvent(e)
			if f, ok := e.(transfer.File); ok {
				file = f
			}
		},
	})
	w.end(res, err)
	return file, err
}

func (d *demo) receive(ctx context.Context, s *p2p.Stream) (r received) {
	s.SetPriority(bulkPriority)
	dir := filepath.Join(d.dir, "bob")
	if r.err = os.Mkdir(dir, 0o700); r.err != nil {
		s.Close()
		return r
	}
	r.result, r.err = transfer.Receive(ctx, s, transfer.ReceiveOptions{
		Dir:  dir,
		Peer: d.ann.GUID().String(),
		OnEvent: func(e transfer.Event) {
			if f, ok := e.(transfer.File); ok {
				r.file = f
			}
		},
	})
	return r
}
