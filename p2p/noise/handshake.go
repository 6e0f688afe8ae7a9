// Package noise makes sessions and protects their packets.
//
// A session is what two parties share after the handshake Noise_IK of the
// Noise Protocol Framework (revision 34) with X25519, AES-256-GCM and SHA-256,
// the pattern of WireGuard: the initiator knows the responder's static key
// beforehand, one message goes each way, and both are then certain of each
// other. The links between peers and the sessions of peers with their server
// use it alike; a prologue keeps them apart.
//
// A packet of a session is
//
//	 0        1                 5                                    13
//	+--------+-----------------+------------------------------------+----
//	| type   | receiver index  | counter                            | sealed …
//	+--------+-----------------+------------------------------------+----
//
// all numbers big-endian. The index is what the receiver chose for the
// session, the counter grows by one a packet and never repeats, the rest is
// AES-256-GCM with the 13 bytes before it as additional data and the counter
// as nonce; its last 16 bytes are the tag.
//
// Keys change by epoch, the counter's high 40 bits: each epoch of 2^24 packets
// has its own key, derived from a chain whose past is erased, so that a key
// found later opens at most two epochs.
//
// What the package does not do: the first message of a handshake can be
// replayed. A responder must not let a session displace another, or act on
// its payload lastingly, before a packet of that session has been opened.
package noise

import (
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/flynn/noise"

	"p2ptool/p2p/identity"
)

const (
	// Message1Overhead is how much longer the first message is than its
	// payload: an ephemeral key, a sealed static key, and a tag.
	Message1Overhead = 32 + 32 + 16 + 16
	// Message2Overhead is the same of the second message.
	Message2Overhead = 32 + 16
)

// ErrHandshake says that a handshake message is for another key, uses other
// keys than expected, or was damaged. These cases cannot be distinguished.
var ErrHandshake = errors.New("handshake does not verify")

func suite() noise.CipherSuite {
	return noise.NewCipherSuite(noise.DH25519, noise.CipherAESGCM, noise.HashSHA256)
}

func newState(local identity.SecretKey, remote identity.PublicKey, prologue string, initiator bool) (*noise.HandshakeState, error) {
	c := noise.Config{
		CipherSuite:   suite(),
		Random:        rand.Reader,
		Pattern:       noise.HandshakeIK,
		Initiator:     initiator,
		Prologue:      []byte(prologue),
		StaticKeypair: noise.DHKey{Private: local.Bytes(), Public: local.Public().Bytes()},
	}
	if initiator {
		c.PeerStatic = remote.Bytes()
	}
	return noise.NewHandshakeState(c)
}

// An Initiator has sent the first message and waits for the second.
type Initiator struct{ hs *noise.HandshakeState }

// Initiate begins a handshake with the holder of the key remote. Both sides
// must give the same prologue. The payload is readable by that holder alone,
// but not protected against replay.
func Initiate(local identity.SecretKey, remote identity.PublicKey, prologue string, payload []byte) (*Initiator, []byte, error) {
	hs, err := newState(local, remote, prologue, true)
	if err != nil {
		return nil, nil, fmt.Errorf("starting a handshake: %w", err)
	}
	msg, _, _, err := hs.WriteMessage(nil, payload)
	if err != nil {
		return nil, nil, fmt.Errorf("starting a handshake: %w", err)
	}
	return &Initiator{hs}, msg, nil
}

// Finish reads the second message and returns its payload and the session's
// secrets. A message that does not verify leaves the Initiator as it was, so
// that a forged answer does not keep the real one out.
func (i *Initiator) Finish(msg []byte) ([]byte, Secrets, error) {
	payload, send, recv, err := i.hs.ReadMessage(nil, msg)
	if err != nil || send == nil {
		return nil, Secrets{}, ErrHandshake
	}
	return payload, Secrets{Send: send.UnsafeKey(), Receive: recv.UnsafeKey()}, nil
}

// A Responder has read a first message and can answer it.
type Responder struct {
	hs     *noise.HandshakeState
	remote identity.PublicKey
}

// Respond reads a first message and returns its payload with what is needed to
// answer it. The sender has proven that it holds the key that Remote returns.
func Respond(local identity.SecretKey, prologue string, msg []byte) (*Responder, []byte, error) {
	hs, err := newState(local, identity.PublicKey{}, prologue, false)
	if err != nil {
		return nil, nil, fmt.Errorf("answering a handshake: %w", err)
	}
	payload, _, _, err := hs.ReadMessage(nil, msg)
	if err != nil {
		return nil, nil, ErrHandshake
	}
	remote, err := identity.NewPublicKey(hs.PeerStatic())
	if err != nil {
		return nil, nil, ErrHandshake
	}
	return &Responder{hs, remote}, payload, nil
}

// Remote returns the initiator's static key.
func (r *Responder) Remote() identity.PublicKey { return r.remote }

// Reply makes the second message and returns it with the session's secrets.
// It may be called once.
func (r *Responder) Reply(payload []byte) ([]byte, Secrets, error) {
	msg, recv, send, err := r.hs.WriteMessage(nil, payload)
	if err != nil || send == nil {
		return nil, Secrets{}, fmt.Errorf("answering a handshake: %w", err)
	}
	return msg, Secrets{Send: send.UnsafeKey(), Receive: recv.UnsafeKey()}, nil
}
