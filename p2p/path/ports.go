package path

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
)

// Ports is the range from Low to High, both included, in steps of Step.
type Ports struct{ Low, High, Step uint16 }

// AnyPort returns the ports that a NAT without a sequence may allocate: all
// except the well-known ones.
func AnyPort() Ports { return Ports{1024, 65535, 1} }

// Between returns the ports that a NAT with the given stride allocated after the
// port before and before the port after. ok is false if the two are out of order,
// for example because the sequence wrapped, or if there are more ports than a
// round probes.
func Between(before, after uint16, stride int16) (p Ports, ok bool) {
	if stride < 0 {
		before, after, stride = after, before, -stride
	}
	step := uint16(stride)
	if step == 0 || before >= after || after-before <= step {
		return Ports{}, false
	}
	p = Ports{before + step, after - 1, step}
	return p, p.Count() <= BirthdayProbes
}

// After returns the next n ports that a NAT with a positive stride allocates
// after last. ok is false if they would exceed 65535.
func After(last uint16, stride int16, n int) (p Ports, ok bool) {
	high := int(last) + n*int(stride)
	if stride <= 0 || n <= 0 || high > 65535 {
		return Ports{}, false
	}
	return Ports{last + uint16(stride), uint16(high), uint16(stride)}, true
}

// Count returns how many ports there are.
func (p Ports) Count() int {
	if !p.valid() {
		return 0
	}
	return int(p.High-p.Low)/int(p.Step) + 1
}

func (p Ports) valid() bool { return p.Low > 0 && p.Low <= p.High && p.Step > 0 }

// At returns the i-th port, from 0.
func (p Ports) At(i int) uint16 { return p.Low + uint16(i)*p.Step }

// First returns the first n ports in order, or all of them if there are fewer.
func (p Ports) First(n int) []uint16 {
	out := make([]uint16, min(n, p.Count()))
	for i := range out {
		out[i] = p.At(i)
	}
	return out
}

// Draw returns n random ports in random order, or all of them if there are fewer.
func (p Ports) Draw(n int) []uint16 {
	all := make([]uint16, p.Count())
	for i := range all {
		all[i] = p.At(i)
	}
	n = min(n, len(all))
	for i := range n {
		j := i + rand.IntN(len(all)-i)
		all[i], all[j] = all[j], all[i]
	}
	return all[:n:n]
}

// PortsSize is the length of Ports as Append writes them: low, high and step, two
// bytes each.
const PortsSize = 6

var errPorts = errors.New("malformed range of ports")

// Append appends the range.
func (p Ports) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, p.Low)
	b = binary.BigEndian.AppendUint16(b, p.High)
	return binary.BigEndian.AppendUint16(b, p.Step)
}

// ParsePorts parses what Append wrote and returns the rest of b. It fails if the
// range is invalid or empty.
func ParsePorts(b []byte) (p Ports, rest []byte, err error) {
	if len(b) < PortsSize {
		return Ports{}, nil, errPorts
	}
	p = Ports{binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:]), binary.BigEndian.Uint16(b[4:])}
	if !p.valid() {
		return Ports{}, nil, errPorts
	}
	return p, b[PortsSize:], nil
}
