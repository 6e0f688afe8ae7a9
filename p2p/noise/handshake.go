// Package noise sets up encrypted sessions and protects their packets.
//
// Two parties set up a session with the handshake Noise_IK of the Noise
// Protocol Framework (revision 34), with X25519, AES-256-GCM and SHA-256.
// WireGuard uses the same pattern: the initiator knows the responder's static
// key beforehand, each side sends one message, and both sides are then
// authenticated. Links between peers and sessions between peers and servers
// both use this package. They differ in the prologue.
//
// A packet of a session is
//
//	 0        1                 5                                    13
//	+--------+-----------------+------------------------------------+----
//	| type   | receiver index  | counter                            | sealed …
//	+--------+-----------------+------------------------------------+----
//
// All numbers are big-endian. The receiver chooses the index when it sets up
// the session. The counter increases by one for each packet and never repeats.
// The rest is encrypted with AES-256-GCM: the 13 bytes before it are the
// additional data, the counter is the nonce, and the last 16 bytes are the tag.
//
// Keys change with the epoch, which is the high 40 bits of the counter. Each
// epoch of 2^24 packets has its own key, derived from a chain whose earlier
// states are erased. An attacker who steals the keys later can decrypt recorded
// packets of at most two epochs.
//
// The package does not prevent replay of the first handshake message. Until a
// responder has opened a packet of a session, it must not replace another
// session with it, and must not make lasting changes because of its payload.
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
	// Message2Overhead is the same for the second message.
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

// Initiate starts a handshake with the holder of the key remote. Both sides
// must use the same prologue. Only that holder can read the payload, but the
// payload is not protected against replay.
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
// secrets. A message that does not verify does not change the Initiator, so the
// real answer is still accepted after a forged one.
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

// Respond reads a first message and returns its payload and a Responder, which
// can answer it. The sender has proven that it holds the key that Remote returns.
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

// Reply creates the second message and returns it with the session's secrets.
// Call it only once.
func (r *Responder) Reply(payload []byte) ([]byte, Secrets, error) {
	msg, recv, send, err := r.hs.WriteMessage(nil, payload)
	if err != nil || send == nil {
		return nil, Secrets{}, fmt.Errorf("answering a handshake: %w", err)
	}
	return msg, Secrets{Send: send.UnsafeKey(), Receive: recv.UnsafeKey()}, nil
}
