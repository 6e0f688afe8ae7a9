package main

import (
	"fmt"
	"time"
)

// A scenario is a load, the path that it takes, and the tools that are compared.
type scenario struct {
	name, title   string
	bytes         int64
	files         int
	way           *way   // nil: loopback
	beside        string // the congestion control of another TCP flow on the same path; empty: none
	referenceTool string // the tool to whose rate the others are compared; empty: the path's rate
	tools         []string
}

const (
	mbit = 1e6
	ms   = time.Millisecond
)

// p2ptoolBefore is the name for another build of p2ptool, such as one before a change.
const p2ptoolBefore = "p2ptool before"

var tcpAndAll = []string{"p2ptool", "iperf3 cubic", "iperf3 bbr", "scp", "rsync", "croc", "wormhole"}

// scenarios returns all scenarios, with the sizes from the command line.
func scenarios(o options) []scenario {
	all := []scenario{
		{name: "loopback", title: o.size.String() + " of one file, loopback", bytes: int64(o.size),
			referenceTool: "iperf3", tools: []string{"p2ptool", "iperf3", "scp", "rsync", "croc", "wormhole"}},
		{name: "small-files", title: fmt.Sprintf("%d files of 4 KiB, loopback", o.files), bytes: int64(o.files) * smallFile, files: o.files,
			referenceTool: "rsync", tools: []string{"p2ptool", "scp", "rsync", "croc"}},
	}
	for _, loss := range []int{0, 1, 20, 50} {
		all = append(all, scenario{name: fmt.Sprintf("loss-%d", loss), title: fmt.Sprintf("100 Mbit/s, 50 ms, %d %% of the packets lost in either direction", loss),
			bytes: 64 << 20, way: &way{rate: 100 * mbit, rtt: 50 * ms, loss: float64(loss) / 100}, tools: tcpAndAll})
	}
	chatty := append([]string{"p2ptool chat"}, tcpAndAll...)
	beside := []string{"p2ptool", "iperf3 cubic", "iperf3 bbr"}
	all = append(all,
		scenario{name: "long", title: "100 Mbit/s, 200 ms", bytes: 100 << 20, way: &way{rate: 100 * mbit, rtt: 200 * ms}, tools: tcpAndAll},
		scenario{name: "policer", title: "20 Mbit/s by a policer with a bucket of 5 ms, 40 ms", bytes: 24 << 20,
			way: &way{rate: 20 * mbit, rtt: 40 * ms, queue: 5 * ms, policer: true}, tools: chatty},
		scenario{name: "queue-5", title: "20 Mbit/s, 40 ms, a queue of 5 ms", bytes: 24 << 20,
			way: &way{rate: 20 * mbit, rtt: 40 * ms, queue: 5 * ms}, tools: chatty},
		scenario{name: "queue-200", title: "20 Mbit/s, 40 ms, a queue of 200 ms", bytes: 24 << 20,
			way: &way{rate: 20 * mbit, rtt: 40 * ms, queue: 200 * ms}, tools: chatty},
		scenario{name: "beside-cubic", title: "50 Mbit/s, 40 ms, a queue of 40 ms, beside one TCP flow with CUBIC", bytes: 48 << 20,
			way: &way{rate: 50 * mbit, rtt: 40 * ms}, beside: "cubic", tools: beside},
		scenario{name: "beside-bbr", title: "50 Mbit/s, 40 ms, a queue of 40 ms, beside one TCP flow with BBR", bytes: 48 << 20,
			way: &way{rate: 50 * mbit, rtt: 40 * ms}, beside: "bbr", tools: beside},
	)
	for i := range all {
		if o.before != "" {
			all[i].tools = append([]string{p2ptoolBefore}, all[i].tools...)
		}
		if all[i].way != nil && o.pathSize > 0 {
			all[i].bytes = int64(o.pathSize)
		}
	}
	return all
}
