package p2p_test

import (
	"context"
	"fmt"
	"io"
	"log"

	"p2ptool/p2p"
	"p2ptool/p2p/identity"
)

// A server and two peers run on this host. One peer greets the other on a
// stream of a kind that the application defines.
func Example() {
	server, err := p2p.NewServer(p2p.ServerOptions{Key: exampleKey(), Listen: "127.0.0.1:0"})
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()

	bob, err := p2p.NewPeer(p2p.PeerOptions{
		Key:    exampleKey(),
		Server: server.Addr().String(),
		Handlers: map[string]func(*p2p.Link, *p2p.Stream){
			"greeting": func(_ *p2p.Link, s *p2p.Stream) {
				line, _ := io.ReadAll(s)
				fmt.Fprintf(s, "%s yourself", line)
			},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer bob.Close()

	ann, err := p2p.NewPeer(p2p.PeerOptions{Key: exampleKey(), Server: server.Addr().String()})
	if err != nil {
		log.Fatal(err)
	}
	defer ann.Close()

	ctx := context.Background()
	if err := bob.Registered(ctx); err != nil {
		log.Fatal(err)
	}
	link, err := ann.Connect(ctx, bob.GUID(), p2p.ConnectOptions{})
	if err != nil {
		log.Fatal(err)
	}
	stream, err := link.OpenStream("greeting")
	if err != nil {
		log.Fatal(err)
	}
	defer stream.Close()
	fmt.Fprint(stream, "hello")
	stream.CloseWrite()
	answer, err := io.ReadAll(stream)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(answer))
	// Output: hello yourself
}

// Two peers need no server if one knows the other's address. Use datagrams for
// data that is worthless when it arrives late.
func ExamplePeer_Connect_address() {
	bob, err := p2p.NewPeer(p2p.PeerOptions{Key: exampleKey(), Listen: "127.0.0.1:0"})
	if err != nil {
		log.Fatal(err)
	}
	defer bob.Close()
	ann, err := p2p.NewPeer(p2p.PeerOptions{Key: exampleKey(), Listen: "127.0.0.1:0"})
	if err != nil {
		log.Fatal(err)
	}
	defer ann.Close()

	ctx := context.Background()
	link, err := ann.Connect(ctx, bob.GUID(), p2p.ConnectOptions{Addr: bob.LocalAddrs()[0].String()})
	if err != nil {
		log.Fatal(err)
	}
	if err := link.SendDatagram([]byte("position 7")); err != nil {
		log.Fatal(err)
	}
	other, err := bob.Accept(ctx)
	if err != nil {
		log.Fatal(err)
	}
	datagram, err := other.ReceiveDatagram(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s, from ann: %v\n", datagram, other.Peer() == ann.GUID())
	// Output: position 7, from ann: true
}

// Events report changes of a link, for example that it no longer uses the relay.
func ExamplePeerOptions_events() {
	options := p2p.PeerOptions{Key: exampleKey()}
	options.OnEvent = func(e p2p.Event) {
		switch e := e.(type) {
		case p2p.Connected:
			fmt.Println("connected to", e.Link.Peer(), "by", e.Path.Kind)
		case p2p.PathChanged:
			fmt.Println("now by", e.Path.Kind)
		case p2p.PathLost:
			fmt.Println("no answer; waiting")
		case p2p.Disconnected:
			fmt.Println("over:", e.Err)
		}
	}
	peer, err := p2p.NewPeer(options)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(peer.Close())
	// Output: <nil>
}

func exampleKey() identity.SecretKey {
	k, err := identity.GenerateKey()
	if err != nil {
		log.Fatal(err)
	}
	return k
}
