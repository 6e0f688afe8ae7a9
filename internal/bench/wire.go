package bench

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

const (
	version    = 2
	requestLen = 1 + 1 + 4 + 16
	maxReason  = 512
	maxBlock   = 256 << 10
)

// Limits of a Host.
const (
	MaxDuration = 30 * time.Second // of a measurement
	maxSession  = 5 * time.Minute
	maxScratch  = 1 << 30          // bytes
	grace       = 10 * time.Second // for data in flight at the end of a measurement
)

type what byte

const (
	session what = iota
	up
	down
	disk
	send
	receive
	whats
)

type token [16]byte

// A request is the first message of a stream.
type request struct {
	what  what
	lasts time.Duration
	token token
}

func (r request) append(b []byte) []byte {
	b = append(b, version, byte(r.what))
	b = binary.BigEndian.AppendUint32(b, uint32(r.lasts.Milliseconds()))
	return append(b, r.token[:]...)
}

var errMessage = errors.New("malformed message")

func parseRequest(b []byte) (r request, err error) {
	switch {
	case len(b) != requestLen:
		return r, errMessage
	case b[0] != version:
		return r, &VersionError{Theirs: b[0], Ours: version}
	}
	r.what, r.lasts = what(b[1]), time.Duration(binary.BigEndian.Uint32(b[2:]))*time.Millisecond
	copy(r.token[:], b[6:])
	if r.what >= whats || r.lasts > MaxDuration || r.what != session && r.lasts <= 0 {
		return r, errMessage
	}
	return r, nil
}

type code byte

const (
	codeYes code = iota
	codeRefused
	codeBusy
	codeFailed
	codeVersion // followed by the version
)

// Kinds of errors; test with errors.Is.
var (
	// ErrRefused says that the other side refused the session.
	ErrRefused = errors.New("refused")
	// ErrBusy says that the other side has another session or measurement.
	ErrBusy = errors.New("another measurement is running there")
	// ErrFailed says that the measurement failed on the other side.
	ErrFailed = errors.New("peer failed")
	// ErrVersion matches every VersionError.
	ErrVersion = errors.New("the other side runs another version of the bench protocol")
)

// A VersionError says that the other side runs another version of this protocol.
type VersionError struct{ Theirs, Ours byte }

// Error returns for example "peer runs bench protocol 3, this is 4: update p2ptool there".
func (e *VersionError) Error() string {
	where := "there"
	if e.Theirs > e.Ours {
		where = "here"
	}
	return fmt.Sprintf("peer runs bench protocol %d, this is %d: update p2ptool %s", e.Theirs, e.Ours, where)
}

// Is makes errors.Is(e, ErrVersion) true.
func (e *VersionError) Is(target error) bool { return target == ErrVersion }

func writeAnswer(w io.Writer, c code, reason string, more ...byte) error {
	reason = reason[:min(len(reason), maxReason)]
	b := binary.BigEndian.AppendUint16([]byte{byte(c)}, uint16(len(reason)))
	_, err := w.Write(append(append(b, reason...), more...))
	return err
}

// readAnswer reads an answer and, after a yes, the bytes that follow it into more.
func readAnswer(r io.Reader, more []byte) error {
	var head [3]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return ended(err)
	}
	n := binary.BigEndian.Uint16(head[1:])
	if n > maxReason {
		return errMessage
	}
	reason := make([]byte, n)
	if _, err := io.ReadFull(r, reason); err != nil {
		return ended(err)
	}
	switch code(head[0]) {
	case codeYes:
		_, err := io.ReadFull(r, more)
		return ended(err)
	case codeRefused:
		return fmt.Errorf("peer: %w: %s", ErrRefused, reason)
	case codeBusy:
		return ErrBusy
	case codeVersion:
		var theirs [1]byte
		if _, err := io.ReadFull(r, theirs[:]); err != nil {
			return ended(err)
		}
		return &VersionError{Theirs: theirs[0], Ours: version}
	}
	return fmt.Errorf("%w: %s", ErrFailed, reason)
}

// ended converts the end of a stream within a message to io.ErrUnexpectedEOF.
func ended(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// maxRate bounds a received rate, in bytes per second.
const maxRate = 1 << 50

func appendRate(b []byte, rate float64) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(min(max(rate, 0), maxRate)))
}

func parseRate(b []byte) float64 { return float64(min(binary.BigEndian.Uint64(b), maxRate)) }
