package p2p

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"p2ptool/p2p/path"
)

// A Candidate is an address at which a peer might be reached.
type Candidate = path.Candidate

// A PathReport is what one end of a link knows about one path to the other end.
type PathReport = path.Report

// The states of a path.
const (
	StateUntested = path.Untested
	StateValid    = path.Valid
	StateLost     = path.Lost
)

// A View is what one end of a link knows about its paths to the other end.
type View struct {
	Require    Require       // which paths this end may use
	Age        time.Duration // of the link
	NAT        NAT           // of this end
	Candidates []Candidate   // of this end
	Paths      []PathReport  // the one in use first
}

// ViewKind is the kind of stream that AnswerView handles.
const ViewKind = "view"

// View returns this end's view of the link. It fails only if the link ends or ctx does.
func (l *Link) View(ctx context.Context) (View, error) {
	s, err := l.inner.Survey(ctx)
	if err != nil {
		return View{}, err
	}
	return View{l.require, s.Age, l.peer.nat.known(), l.peer.candidates(), s.Paths}, nil
}

// AnswerView is a stream handler for ViewKind: it sends this end's View. Beyond what the handshake contained, the other
// end learns only which of its own addresses answer.
func AnswerView(l *Link, s *Stream) {
	if v, err := l.View(l.peer.ctx); err == nil {
		_, _ = s.Write(v.append(nil)) // the other end may have stopped waiting
	}
}

// PeerView requests the View of the other end. Do not trust it: the other end can make it up. The error wraps
// ErrRefused if the other end has no handler for ViewKind. Otherwise PeerView fails if the link or ctx ends, or if the
// view is malformed.
func (l *Link) PeerView(ctx context.Context) (View, error) {
	s, err := l.OpenStream(ViewKind)
	if err != nil {
		return View{}, err
	}
	defer s.Close()
	defer context.AfterFunc(ctx, func() { s.Close() })()
	if err := s.CloseWrite(); err != nil {
		return View{}, err
	}
	b, err := io.ReadAll(io.LimitReader(s, maxView))
	if ctx.Err() != nil {
		return View{}, context.Cause(ctx)
	}
	if err != nil {
		return View{}, err
	}
	return parseView(b)
}

// A view on the wire:
//
//	 0  require, 1     0 any, 1 direct, 2 relay
//	 1  age, 4         in seconds
//	 5  nat, 5         see path.NAT
//	10  candidates     a one-byte count, then that many candidates
//	    paths          a one-byte count, at most 64, then that many of:
//
//	 0  kind, 1        1 lan, 2 direct, 3 relay, 4 relay over TCP
//	 1  address, 18
//	19  state, 1       0 untested, 1 valid, 2 lost
//	20  flags, 1       1: in use; 2: packets from the other end arrive on it; 4: limited
//	21  pings sent, 4
//	25  round trip, 4  the shortest, in µs; 0: not measured
//	29  carries, 2     bytes of the largest packet that got through; 0: none did
//
// Readers ignore extra bytes at the end.
const (
	viewHead     = 10
	viewPathSize = 31
	maxViewPaths = 64
	maxView      = 4096

	viewInUse   = 1
	viewHeard   = 2
	viewLimited = 4
)

var errView = errors.New("malformed view of a link")

func (v View) append(b []byte) []byte {
	b = append(b, byte(v.Require))
	b = binary.BigEndian.AppendUint32(b, clamp(v.Age/time.Second))
	b = path.AppendCandidates(v.NAT.Append(b), v.Candidates)
	paths := v.Paths[:min(len(v.Paths), maxViewPaths)]
	b = append(b, byte(len(paths)))
	for _, p := range paths {
		b = appendViewPath(b, p)
	}
	return b
}

func appendViewPath(b []byte, p PathReport) []byte {
	var flags byte
	if p.InUse {
		flags |= viewInUse
	}
	if p.Heard {
		flags |= viewHeard
	}
	if p.Limited {
		flags |= viewLimited
	}
	b = append(path.AppendAddr(append(b, byte(p.Kind)), p.Addr), byte(p.State), flags)
	b = binary.BigEndian.AppendUint32(b, clamp(time.Duration(p.Pings)))
	b = binary.BigEndian.AppendUint32(b, clamp(p.RTT/time.Microsecond))
	return binary.BigEndian.AppendUint16(b, uint16(min(p.Carries, 1<<16-1)))
}

// clamp limits a number to the range of a uint32.
func clamp(n time.Duration) uint32 { return uint32(min(max(n, 0), 1<<32-1)) }

func parseView(b []byte) (View, error) {
	if len(b) < viewHead {
		return View{}, errView
	}
	v := View{Require: Require(b[0]), Age: time.Duration(binary.BigEndian.Uint32(b[1:])) * time.Second}
	if v.Require > RequireRelay {
		return View{}, fmt.Errorf("%w: requirement %d", errView, b[0])
	}
	var err error
	if v.NAT, b, err = path.ParseNAT(b[5:]); err != nil {
		return View{}, err
	}
	if v.Candidates, b, err = path.ParseCandidates(b); err != nil {
		return View{}, err
	}
	if len(b) < 1 || b[0] > maxViewPaths || len(b) < 1+int(b[0])*viewPathSize {
		return View{}, errView
	}
	n := int(b[0])
	for b = b[1:]; len(v.Paths) < n; b = b[viewPathSize:] {
		p, err := parseViewPath(b)
		if err != nil {
			return View{}, err
		}
		v.Paths = append(v.Paths, p)
	}
	return v, nil
}

func parseViewPath(b []byte) (PathReport, error) {
	p := PathReport{
		Kind: PathKind(b[0]), Addr: path.ParseAddr(b[1:]), State: path.State(b[19]),
		InUse: b[20]&viewInUse != 0, Heard: b[20]&viewHeard != 0, Limited: b[20]&viewLimited != 0,
		Pings: int(binary.BigEndian.Uint32(b[21:])),
		RTT:   time.Duration(binary.BigEndian.Uint32(b[25:])) * time.Microsecond,

		Carries: int(binary.BigEndian.Uint16(b[29:])),
	}
	if p.Kind < path.LAN || p.Kind > path.TCPRelay || p.State > path.Lost {
		return p, fmt.Errorf("%w: path of kind %d, state %d", errView, b[0], b[19])
	}
	return p, nil
}
