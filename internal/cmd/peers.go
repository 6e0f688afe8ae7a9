package cmd

import (
	"context"
	"time"

	"github.com/urfave/cli/v2"

	"p2ptool/internal/terminal"
	"p2ptool/p2p"
)

func (p *program) peersCommand() *cli.Command {
	return &cli.Command{
		Name:  "peers",
		Usage: "list who is online",
		Description: about("p2ptool peers           # one line each: GUID, online since, name\n"+
			"p2ptool peers --json", "A name in quotes is what the peer calls itself, which proves nothing."),
		Flags:  onlineFlags(),
		Action: p.peers,
	}
}

func (p *program) peers(c *cli.Context) error {
	if err := arguments(c, 0, 0); err != nil {
		return err
	}
	cfg, err := p.online(c)
	if err != nil {
		return err
	}
	if cfg.Peer.Server == "" {
		return noServer()
	}
	r, err := p.role(c)
	if err != nil {
		return err
	}
	r.calling, r.quiet = true, true
	n, err := p.start(cfg, r)
	if err != nil {
		return err
	}
	defer n.Close()
	if err := n.registered(c.Context); err != nil {
		return err
	}
	return n.listPeers(c.Context)
}

// listPeers prints the server's list.
func (n *node) listPeers(ctx context.Context) error {
	peers, err := n.Peers(ctx)
	if err != nil {
		return n.serverError(err)
	}
	for _, info := range peers {
		n.list(info)
	}
	return nil
}

// list prints one peer of the server's list.
func (n *node) list(info p2p.PeerInfo) {
	since := info.Since.Format(time.RFC3339)
	n.p.out.payload("%s  %s  %s", info.GUID, since, n.displayName(info))
	n.p.out.event(peerEvent{info.GUID.String(), info.Name, since})
}

// displayName returns a contact's name, else the name that the peer claims, in quotes because
// it proves nothing.
func (n *node) displayName(info p2p.PeerInfo) string {
	if name := n.cfg.ContactName(info.GUID); name != "" {
		return name
	}
	if info.Name == "" {
		return ""
	}
	return `"` + terminal.Visible(info.Name) + `"`
}
