package bench

import "cmp"

// A Part is a possible bottleneck of a transfer.
type Part string

// The parts between two disks. Rest is everything else: the processors, and resources that the other
// parts share.
const (
	Network  Part = "network"
	Disk     Part = "disk"
	PeerDisk Part = "peer_disk"
	Rest     Part = "rest"
)

// together is the smallest share of the slowest part's rate at which that part counts as the
// bottleneck of a transfer.
const together = 0.6

// Sender returns the bottleneck of sending.
func (r Result) Sender() Part {
	return slowest(r.Sending, bound{Network, r.Up}, bound{Disk, r.ReadHere}, bound{PeerDisk, r.WriteThere})
}

// Receiver returns the bottleneck of receiving.
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
