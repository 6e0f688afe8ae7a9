package bench

import "cmp"

// A Part is what bounds a transfer.
type Part string

// The parts of the way from disk to disk. Rest is all that is none of the others by itself: the
// processors, and what two of the parts take from each other.
const (
	Network  Part = "network"
	Disk     Part = "disk"
	PeerDisk Part = "peer_disk"
	Rest     Part = "rest"
)

// together is the share of the slowest part that a transfer gets at least, if it is that
// part that bounds it.
const together = 0.6

// Sender returns what bounds sending.
func (r Result) Sender() Part {
	return slowest(r.Sending, bound{Network, r.Up}, bound{Disk, r.ReadHere}, bound{PeerDisk, r.WriteThere})
}

// Receiver returns what bounds receiving.
func (r Result) Receiver() Part {
	return slowest(r.Receiving, bound{Network, r.Down}, bound{PeerDisk, r.ReadThere}, bound{Disk, r.WriteHere})
}

type bound struct {
	part Part
	rate float64
}

func slowest(all float64, parts ...bound) Part {
	least := parts[0]
	for _, p := range parts[1:] {
		if cmp.Less(p.rate, least.rate) {
			least = p
		}
	}
	if all < together*least.rate {
		return Rest
	}
	return least.part
}
