package transfer

import (
	"context"
	"io"
	"time"
)

// A Source is what is sent: either Paths, or Reader under Name.
type Source struct {
	// Paths are files and folders on disk. Each is offered under its base name; of ".",
	// ".." and a path that ends in a separator that is the name of the folder meant.
	// A path that does not exist is an error before anything is sent.
	Paths []string

	// Reader is sent as one file of unknown size, named Name. It cannot be resumed.
	// It is not closed, and a Read that blocks goes on when Send returns: nothing can end it.
	Reader io.Reader
	Name   string
}

// SendOptions configure Send. The zero value is usable.
type SendOptions struct {
	// ID names the transfer to both sides. Give the same again when the link broke and
	// the same source is sent once more. Zero: a random one.
	ID [16]byte

	// Limit is the most to send, in bytes per second. Zero: no limit.
	Limit int64

	// OnEvent is told what happens, one call at a time. It should not block.
	OnEvent func(Event)
}

// ReceiveOptions configure Receive. Dir or Writer has to be given.
type ReceiveOptions struct {
	// Dir is the folder that is written to. It has to exist.
	Dir string

	// Peer names the sender, in any form that stays the same. What is held of the files of
	// one peer is never mixed with that of another.
	Peer string

	// Conflict says what becomes of a file whose name is taken.
	Conflict Conflict

	// MaxSize is the most that a transfer may have, in bytes. Zero: no limit.
	MaxSize int64

	// Accept decides on the offer, and may take its time. An error refuses, and its text is
	// told to the sender. Its context ends when the sender goes away or the transfer is
	// cancelled, and then it has to return. Nil accepts.
	Accept func(context.Context, Offer) error

	// Writer takes the one file of the transfer, in order, in place of Dir. The transfer
	// of a folder or of several files is then refused. What was written is known to be
	// right only when Receive returns no error.
	Writer io.Writer

	// OnEvent is told what happens, one call at a time. It should not block.
	OnEvent func(Event)
}

// Conflict is what becomes of a received file whose name is taken. Folders are
// merged in any case.
type Conflict int

const (
	Rename    Conflict = iota // "name (1).ext"
	Skip                      // the file is not fetched
	Overwrite                 // the old file is replaced by the whole new one, atomically
)

// A Result is what became of a transfer. It is of use beside an error, too.
type Result struct {
	ID      [16]byte
	Files   int64 // transferred whole, or found whole from before
	Failed  int64
	Skipped int64
	Bytes   int64 // of the Files
	// ResumedBytes were there from an earlier attempt and were not sent again. Of files
	// that failed they count as well.
	ResumedBytes int64
	Duration     time.Duration // from the offer's acceptance
}
