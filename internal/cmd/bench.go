package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"p2ptool/internal/bench"
	"p2ptool/internal/config"
	"p2ptool/internal/terminal"
	"p2ptool/p2p"
	"p2ptool/transfer"
)

func (p *program) benchCommand() *cli.Command {
	return &cli.Command{
		Name:      "bench",
		Usage:     "measure the network to a peer and both disks, and find the bottleneck",
		ArgsUsage: "WHO",
		Description: about("p2ptool bench bob\n"+
			"p2ptool bench bob --duration 10s --dir /mnt/usb",
			"The peer must accept files from you. Both sides write up to 1 GiB, and at most half of the free\n"+
				"space, to their folder for received files, and remove it. "+whoHelp),
		Flags: append([]cli.Flag{
			&cli.DurationFlag{Name: "duration", Usage: "spend `DURATION` on each of the six measurements", Value: 3 * time.Second},
			&cli.StringFlag{Name: "dir", Usage: "measure the disk of this `FOLDER`"},
		}, connectFlags()...),
		Action: p.bench,
	}
}

func (p *program) bench(c *cli.Context) error {
	if err := arguments(c, 1, 1); err != nil {
		return err
	}
	lasts := c.Duration("duration")
	if lasts < 100*time.Millisecond || lasts > bench.MaxDuration {
		return usage("--duration: %s is not between 100ms and %s", lasts, bench.MaxDuration)
	}
	n, t, err := p.caller(c, c.Args().First())
	if err != nil {
		return err
	}
	defer n.Close()
	link, err := n.reach(c.Context, t, c.Duration("wait"), kindBench)
	if err != nil {
		return err
	}
	dir := c.String("dir")
	if dir == "" {
		dir = rules{cfg: n.cfg}.dir(t.GUID)
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return err
		}
	}
	return n.bench(c.Context, link, t, bench.Options{Duration: lasts, Dir: dir, Pace: p.env.Machine.DiskPace})
}

// bench measures and prints the result.
func (n *node) bench(ctx context.Context, link *p2p.Link, t config.Target, o bench.Options) error {
	o.Open = func() (io.ReadWriteCloser, error) {
		s, err := link.OpenStream(kindBench)
		if err != nil {
			return nil, err
		}
		s.SetPriority(bulkPriority)
		return s, nil
	}
	o.Ping = func(ctx context.Context) (time.Duration, error) {
		rtt, _, err := link.Ping(ctx)
		return rtt, err
	}
	o.Progress = func(what string) { n.p.out.note("measuring %s", what) }
	r, err := bench.Run(ctx, o)
	switch {
	case errors.Is(err, bench.ErrRefused):
		return hint(as(transfer.ErrRefused, fmt.Errorf("bench with %q: %w", t, err)), "the peer must accept files from you")
	case err != nil:
		return fmt.Errorf("bench with %q: %w", t, err)
	}
	n.reportBench(link, t, r)
	return nil
}

// reportBench prints a table and a sentence for each direction, or an event.
func (n *node) reportBench(link *p2p.Link, t config.Target, r bench.Result) {
	path := link.Path()
	out := n.p.out
	out.payload("%-17s %s, %s", "path", path.Kind, path.Addr)
	out.payload("%-17s %s, while sending %s, while receiving %s", "round trip",
		terminal.Duration(r.RTT), terminal.Duration(r.RTTUp), terminal.Duration(r.RTTDown))
	out.payload("%-17s sends %s, receives %s", "network alone", bits(r.Up), bits(r.Down))
	out.payload("%-17s reads %s, writes %s", "this disk", terminal.Rate(r.ReadHere), terminal.Rate(r.WriteHere))
	out.payload("%-17s reads %s, writes %s", "peer's disk", terminal.Rate(r.ReadThere), terminal.Rate(r.WriteThere))
	out.payload("%-17s sends %s, receives %s", "all together", terminal.Rate(r.Sending), terminal.Rate(r.Receiving))
	out.payload("sending: the network carries %s, this disk reads %s, the peer's disk writes %s: %s",
		bits(r.Up), terminal.Rate(r.ReadHere), terminal.Rate(r.WriteThere), bottleneck(r.Sender()))
	out.payload("receiving: the network carries %s, the peer's disk reads %s, this disk writes %s: %s",
		bits(r.Down), terminal.Rate(r.ReadThere), terminal.Rate(r.WriteHere), bottleneck(r.Receiver()))
	path.RTT = r.RTT
	out.event(benchEvent{
		pathFields: n.p.fieldsOf(t.GUID, path), RTTUp: milliseconds(r.RTTUp), RTTDown: milliseconds(r.RTTDown),
		Up: int64(r.Up), Down: int64(r.Down),
		DiskRead: int64(r.ReadHere), DiskWrite: int64(r.WriteHere),
		PeerRead: int64(r.ReadThere), PeerWrite: int64(r.WriteThere),
		Sending: int64(r.Sending), Receiving: int64(r.Receiving),
		SendBound: string(r.Sender()), ReceiveBound: string(r.Receiver()),
	})
}

func bottleneck(p bench.Part) string {
	return map[bench.Part]string{
		bench.Network:  "the network is the bottleneck",
		bench.Disk:     "this disk is the bottleneck",
		bench.PeerDisk: "the peer's disk is the bottleneck",
		bench.Rest:     "all together is slower than each alone, so a processor is the bottleneck",
	}[p]
}

// bits formats the rate of a network in bits per second, as is usual for networks.
func bits(bytesPerSecond float64) string {
	v := bytesPerSecond * 8 / 1e6
	switch {
	case v >= 1000:
		return fmt.Sprintf("%.1f Gbit/s", v/1000)
	case v >= 10:
		return fmt.Sprintf("%.0f Mbit/s", v)
	}
	return fmt.Sprintf("%.2f Mbit/s", v)
}

// handleBench is the handler of bench streams. A peer that may send files may measure.
func (in *inbox) handleBench(ctx context.Context, link *p2p.Link, stream *p2p.Stream) {
	stream.SetPriority(bulkPriority)
	g := bench.Client{
		Peer: link.Peer().String(),
		Dir:  in.rules.dir(link.Peer()),
		Pace: in.p.env.Machine.DiskPace,
		Consent: func(ctx context.Context) error {
			return in.consent(ctx, link)
		},
	}
	err := in.host.Serve(ctx, g, stream)
	if err != nil && ctx.Err() == nil && in.reports(link.Peer()) {
		in.p.out.note("bench of %s: %s", in.name(link), terminal.Visible(err.Error()))
	}
}

// consent decides whether a peer may measure here.
func (in *inbox) consent(ctx context.Context, link *p2p.Link) error {
	if in.out != nil {
		return errors.New("the peer waits for a single file")
	}
	if err := in.allowed(ctx, link, transfer.Offer{}, fmt.Sprintf("%s wants to measure this network and disk: allow it?", in.name(link))); err != nil {
		return err
	}
	in.p.out.note("%s is measuring this network and disk", in.name(link))
	return os.MkdirAll(in.rules.dir(link.Peer()), 0o777)
}
