package transfer

import (
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	version = 5

	frameHeader = 4       // type, 1; length of the body, 3
	maxBody     = 1 << 16 // of any message except DATA
	dataHeader  = 4 + 4 + hashSize

	maxNames     = 256     // in an offer
	maxNameBytes = 1 << 15 // of all names together
	maxReason    = 512
	maxRuns      = 1024 // in a HAVE
	pageChunks   = 256  // in a HASHES and a NEED
)

// Types of messages. Those of the sender are below 16.
const (
	typeOffer   = 1
	typeTotal   = 2
	typeEntry   = 3
	typeLeave   = 4
	typeData    = 5
	typeHashes  = 6
	typeEnd     = 7
	typeDone    = 8
	typeBye     = 9
	typeAfresh  = 10
	typeZeros   = 11
	typeAccept  = 16
	typeWant    = 17
	typeHave    = 18
	typeNeed    = 19
	typeAgain   = 20
	typeResult  = 21
	typeSummary = 22
	typeAbort   = 31
)

// errMessage is the error for a malformed message.
var errMessage = errors.New("malformed message")

// A message is a protocol message. append appends its body, parse reads it.
type message interface {
	kind() byte
	append(b []byte) []byte
	parse(f *fields)
}

type (
	offerMsg struct {
		version byte
		id      [16]byte
		files   int64 // -1: unknown; the same for folders, bytes and data
		folders int64
		bytes   int64
		data    int64 // the part of bytes that is not in holes
		count   uint32
		tops    [32]byte // hash over all names, including those missing in names
		source  [16]byte // tag over the states of the files and folders
		origin  [16]byte // tag over the folders they are in; zero: a stream
		names   []string
	}
	totalMsg struct{ files, folders, bytes, data int64 } // bytes and data may be -1
	entryMsg struct {
		n     uint32
		what  entryKind
		mode  uint16 // permission bits
		mtime stamp
		size  int64 // -1: unknown; the same for data
		data  int64 // the part of size that is not in holes
		tag   [16]byte
		path  string
	}
	leaveMsg struct{}
	dataMsg  struct { // the chunk's bytes follow
		n, chunk uint32
		hash     cv
	}
	zerosMsg struct { // 2^level chunks of zeros
		n, first uint32
		level    byte
	}
	hashesMsg struct {
		n, first uint32
		hashes   []cv
	}
	endMsg struct {
		n      uint32
		code   code
		size   int64
		digest [32]byte
		reason string
	}
	doneMsg   struct{ entries uint32 }
	byeMsg    struct{}
	afreshMsg struct{}
	acceptMsg struct {
		version byte
		afresh  bool // the entries so far are too old
	}
	wantMsg struct{ n uint32 }
	haveMsg struct {
		n      uint32
		check  bool
		runs   []run
		hashes []cv
	}
	needMsg struct {
		n, first uint32
		bits     [pageChunks / 8]byte
	}
	againMsg  struct{ n, chunk uint32 }
	resultMsg struct {
		n      uint32
		code   code
		digest [32]byte
		reason string
	}
	summaryMsg struct{ files, failed, skipped, bytes int64 }
	abortMsg   struct {
		code    code
		version byte // of the receiver, with codeVersion
		reason  string
	}
)

type entryKind uint8

const (
	entryFile   entryKind = iota
	entryStream           // a file of unknown size, which cannot be read twice
	entryFolder
	entryKinds
)

// A run is a range of chunks of a file.
type run struct{ first, count uint32 }

func (r run) end() int64 { return int64(r.first) + int64(r.count) }

func (*offerMsg) kind() byte   { return typeOffer }
func (*totalMsg) kind() byte   { return typeTotal }
func (*entryMsg) kind() byte   { return typeEntry }
func (*leaveMsg) kind() byte   { return typeLeave }
func (*dataMsg) kind() byte    { return typeData }
func (*hashesMsg) kind() byte  { return typeHashes }
func (*endMsg) kind() byte     { return typeEnd }
func (*doneMsg) kind() byte    { return typeDone }
func (*zerosMsg) kind() byte   { return typeZeros }
func (*byeMsg) kind() byte     { return typeBye }
func (*afreshMsg) kind() byte  { return typeAfresh }
func (*acceptMsg) kind() byte  { return typeAccept }
func (*wantMsg) kind() byte    { return typeWant }
func (*haveMsg) kind() byte    { return typeHave }
func (*needMsg) kind() byte    { return typeNeed }
func (*againMsg) kind() byte   { return typeAgain }
func (*resultMsg) kind() byte  { return typeResult }
func (*summaryMsg) kind() byte { return typeSummary }
func (*abortMsg) kind() byte   { return typeAbort }

func newMessage(kind byte) message {
	switch kind {
	case typeOffer:
		return new(offerMsg)
	case typeTotal:
		return new(totalMsg)
	case typeEntry:
		return new(entryMsg)
	case typeLeave:
		return new(leaveMsg)
	case typeData:
		return new(dataMsg)
	case typeZeros:
		return new(zerosMsg)
	case typeHashes:
		return new(hashesMsg)
	case typeEnd:
		return new(endMsg)
	case typeDone:
		return new(doneMsg)
	case typeBye:
		return new(byeMsg)
	case typeAfresh:
		return new(afreshMsg)
	}
	return newAnswer(kind)
}

func newAnswer(kind byte) message {
	switch kind {
	case typeAccept:
		return new(acceptMsg)
	case typeWant:
		return new(wantMsg)
	case typeHave:
		return new(haveMsg)
	case typeNeed:
		return new(needMsg)
	case typeAgain:
		return new(againMsg)
	case typeResult:
		return new(resultMsg)
	case typeSummary:
		return new(summaryMsg)
	case typeAbort:
		return new(abortMsg)
	}
	return nil
}

// appendMessage appends m with its header.
func appendMessage(b []byte, m message) []byte {
	at := len(b)
	b = m.append(append(b, 0, 0, 0, 0))
	putHeader(b[at:], m.kind(), len(b)-at-frameHeader)
	return b
}

func putHeader(b []byte, kind byte, length int) {
	binary.BigEndian.PutUint32(b, uint32(kind)<<24|uint32(length))
}

// parseHeader reads the type of a message and the length of its body, and checks the length.
func parseHeader(b []byte) (kind byte, length int, err error) {
	kind, length = b[0], int(binary.BigEndian.Uint32(b)&0xffffff)
	if kind == typeData {
		if length <= dataHeader || length > dataHeader+chunkSize {
			return 0, 0, fmt.Errorf("%w: a chunk of %d bytes", errMessage, length-dataHeader)
		}
	} else if length > maxBody {
		return 0, 0, fmt.Errorf("%w: type %d of %d bytes", errMessage, kind, length)
	}
	return kind, length, nil
}

// parseMessage parses a body. It rejects bytes that this version does not define. For DATA,
// body is only the part before the chunk.
func parseMessage(kind byte, body []byte) (message, error) {
	m := newMessage(kind)
	if m == nil {
		return nil, fmt.Errorf("%w: unknown type %d", errMessage, kind)
	}
	f := fields{b: body}
	m.parse(&f)
	if f.bad || len(f.b) != 0 {
		return nil, fmt.Errorf("%w: type %d of %d bytes", errMessage, kind, len(body))
	}
	return m, nil
}
