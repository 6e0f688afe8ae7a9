package main

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// iperf is the congestion control that iperf3 uses over TCP; empty: the system's.
type iperf string

var iperfListens = regexp.MustCompile(`Server listening`)

// It sends longer on a path than on loopback, since a flow has to find its rate there.
const (
	iperfShort = 4 * time.Second
	iperfLong  = 10 * time.Second
)

// play sends from memory to memory for some time. The result is the received bytes that iperf3
// reports.
func (cc iperf) play(ctx context.Context, t *turn) (o outcome, err error) {
	port, err := freePorts(t.stage.receiver, 1)
	if err != nil {
		return o, err
	}
	lasts := iperfShort
	if t.stage.emulated {
		lasts = min(iperfLong, t.limit)
	}
	at := strconv.Itoa(port)
	server, err := t.start(t.stage.receiver, nil, "iperf3", "-s", "-B", t.stage.receiver.addr(), "-p", at, "--forceflush")
	if err != nil {
		return o, err
	}
	// iperf3 would count a connection that only probes the port as a test.
	within, cancel := t.ready(ctx)
	defer cancel()
	if _, err := server.await(within, iperfListens); err != nil {
		return o, err
	}
	args := []string{"-c", t.stage.receiver.addr(), "-p", at, "-J", "-t", strconv.Itoa(int(lasts.Seconds()))}
	if cc != "" {
		args = append(args, "-C", string(cc))
	}
	var client *program
	limit := t.limit
	t.limit = lasts + patience // on bad paths it takes a long time to exit
	defer func() { t.limit = limit }()
	o, err = t.transfer(ctx, func() (*program, error) {
		client, err = t.start(t.stage.sender, nil, "iperf3", args...)
		return client, err
	})
	if err != nil {
		return o, err
	}
	t.leave()
	o.sender, o.receiver = client.used(), server.used()
	if o.cut { // it never reported a result
		o.bytes = 0
		return o, nil
	}
	said, _ := client.said(0)
	return o, o.readIperf(said)
}

// readIperf reads bytes and seconds from the output of `iperf3 -J`.
func (o *outcome) readIperf(said string) error {
	var r struct {
		End struct {
			Received struct {
				Seconds float64
				Bytes   int64
			} `json:"sum_received"`
		}
	}
	if err := json.Unmarshal([]byte(said[max(0, strings.IndexByte(said, '{')):]), &r); err != nil {
		return fmt.Errorf("iperf3: %w", err)
	}
	got := r.End.Received
	if got.Seconds <= 0 {
		return fmt.Errorf("the output of iperf3 lacks the received bytes")
	}
	o.bytes, o.took = got.Bytes, time.Duration(got.Seconds*float64(time.Second))
	return nil
}
