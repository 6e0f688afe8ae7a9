package transfer

import (
	"context"
	"io"
	"time"
)

// A Source is what to send: either Paths, or Reader with Name.
type Source struct {
	// Paths are files and folders on disk. Each is offered under its base name. For ".",
	// ".." and paths that end in a separator, this is the name of the folder itself.
	// If a path does not exist, Send returns an error before it sends anything.
	Paths []string

	// Reader is sent as one file of unknown size, named Name. It cannot be resumed.
	// Send does not close it. A Read that blocks may still be running when Send returns.
	Reader io.Reader
	Name   string
}

// SendOptions configure Send. The zero value is usable.
type SendOptions struct {
	// ID identifies the transfer. Use the same ID to send the same source again after an
	// interruption. Zero: a random one.
	ID [16]byte

	// Limit is the highest rate, in bytes per second. Zero: no limit.
	Limit int64

	// OnEvent is called with each event, one at a time. It should not block.
	OnEvent func(Event)
}

// ReceiveOptions configure Receive. Either Dir or Writer is required.
type ReceiveOptions struct {
	// Dir is the target folder. It must exist.
	Dir string

	// Peer identifies the sender, always by the same string. Partial files of different
	// peers are kept apart.
	Peer string

	// Conflict says what to do with a file whose name exists.
	Conflict Conflict

	// MaxSize is the largest transfer to receive, in bytes. Zero: no limit.
	MaxSize int64

	// Accept decides on the offer; it may block, for example to ask the user. If it returns
	// an error, the offer is refused and the sender receives the error's text. Its context
	// ends if the sender leaves or the transfer is canceled; then it must return. A nil
	// Accept accepts every offer.
	Accept func(context.Context, Offer) error

	// Writer receives the content of a single file, in order, instead of Dir. Offers of a
	// folder or of several files are refused. What was written is verified only when
	// Receive returns without an error.
	Writer io.Writer

	// OnEvent is called with each event, one at a time. It should not block.
	OnEvent func(Event)
}

// Conflict is what Receive does with a file whose name exists. Folders are always
// merged.
type Conflict int

const (
	Rename    Conflict = iota // "name (1).ext"
	Skip                      // the file is not transferred
	Overwrite                 // the new file atomically replaces the old one
)

// A Result describes a transfer that has ended. It is also valid with an error.
type Result struct {
	ID      [16]byte
	Files   int64 // complete: transferred now, or by an earlier attempt
	Failed  int64
	Skipped int64
	Bytes   int64 // of the Files
	// ResumedBytes is how many bytes an earlier attempt had already transferred. It
	// includes those of files that failed.
	ResumedBytes int64
	Duration     time.Duration // from the offer's acceptance
}
