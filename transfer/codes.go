package transfer

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"p2ptool/transfer/internal/disk"
)

// A code is the outcome of a file or of the transfer, on the wire.
type code uint8

const (
	codeOK        code = iota
	codeHeld           // complete from an earlier attempt
	codeSkipped        // its name is taken
	codeFailed         // failed for a reason not listed below
	codeChanged        // the source changed
	codeIntegrity      // data did not match its hash
	codeStorage        // a disk or permission error
	codeCanceled       // the context ended
	codeProtocol       // the other side broke the protocol
	codeRefused        // the receiver declined
	codeVersion        // the protocol versions differ
	codeCount
)

// kindOf returns the Err value for a code, or nil.
func (c code) kindOf() error {
	switch c {
	case codeChanged:
		return ErrChanged
	case codeIntegrity:
		return ErrIntegrity
	case codeStorage:
		return ErrStorage
	case codeCanceled:
		return ErrCanceled
	case codeProtocol:
		return ErrProtocol
	case codeRefused:
		return ErrRefused
	case codeVersion:
		return ErrVersion
	}
	return nil
}

// codeFor returns the code for err.
func codeFor(err error) code {
	for c := codeChanged; c < codeCount; c++ {
		if c != codeCanceled && errors.Is(err, c.kindOf()) {
			return c
		}
	}
	if isStorage(err) {
		return codeStorage
	}
	return codeFailed
}

// isStorage reports whether err is an error of the file system.
func isStorage(err error) bool {
	var no syscall.Errno
	return errors.As(err, &no) || errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist)
}

// reasonFor returns the text of err without local paths.
func reasonFor(err error) string {
	var mine *Error
	if errors.As(err, &mine) {
		return mine.Reason
	}
	if disk.OutOfFiles(err) {
		return outOfFiles()
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return reasonFor(pe.Err)
	}
	var le *os.LinkError
	if errors.As(err, &le) {
		return reasonFor(le.Err)
	}
	var se *os.SyscallError
	if errors.As(err, &se) {
		return reasonFor(se.Err)
	}
	return err.Error()
}
