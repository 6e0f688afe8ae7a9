package main

import (
	"sync/atomic"
	"time"
)

// beside is what runs at the same time as a transfer: optionally another flow, and probes of
// the round trip. The zero value is nothing.
type beside struct {
	flow  *flow
	probe *probe
}

// meanwhile is what was measured of it during the transfer.
type meanwhile struct {
	other float64         // bytes a second of the other flow
	trips []time.Duration // of the probes, which are no packets of the transfer
}

// begin starts the measurement, and returns a function that ends it.
func (b beside) begin() func() meanwhile {
	start := time.Now()
	var bytes int64
	if b.flow != nil {
		bytes = b.flow.received.Load()
	}
	if b.probe != nil {
		b.probe.take()
	}
	return func() (m meanwhile) {
		if b.flow != nil {
			m.other = float64(b.flow.received.Load()-bytes) / time.Since(start).Seconds()
		}
		if b.probe != nil {
			m.trips = b.probe.take()
		}
		return m
	}
}

// close ends the flow and the probes.
func (b beside) close() {
	if b.flow != nil {
		b.flow.close()
	}
	if b.probe != nil {
		b.probe.close()
	}
}

// counter counts bytes.
type counter struct{ atomic.Int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.Add(int64(len(p)))
	return len(p), nil
}
