package portmap

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"time"
)

const (
	ssdpPort = 1900
	ssdpMax  = 2048 // bytes of an answer that are read
)

// ssdpGroup is the multicast group of devices (UDA 1.1, section 1.3).
var ssdpGroup = netip.AddrPortFrom(netip.AddrFrom4([4]byte{239, 255, 255, 250}), ssdpPort)

// search asks the gateway for the URL of its device description: by unicast, which passes firewalls,
// and by multicast, which some routers require. It ignores answers from other hosts.
func search(ctx context.Context, g Gateway) (*url.URL, error) {
	socket, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(g.Self, 0)))
	if err != nil {
		return nil, err
	}
	defer socket.Close()
	stop := context.AfterFunc(ctx, func() { socket.Close() })
	defer stop()
	for wait := firstWait; wait <= lastWait; wait *= 2 {
		for _, to := range []netip.AddrPort{netip.AddrPortFrom(g.Addr, ssdpPort), ssdpGroup} {
			for version := 1; version <= 2; version++ {
				_, _ = socket.WriteToUDPAddrPort(searchFor(version), to) // there may be no route for multicast
			}
		}
		if err := socket.SetReadDeadline(time.Now().Add(wait)); err != nil {
			return nil, ended(ctx, err)
		}
		at, err := receive(socket, g.Addr)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return at, ended(ctx, err)
		}
	}
	return nil, ErrSilent
}

func searchFor(version int) []byte {
	return fmt.Appendf(nil, "M-SEARCH * HTTP/1.1\r\nHOST: %v\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\n"+
		"ST: urn:schemas-upnp-org:device:InternetGatewayDevice:%d\r\n\r\n", ssdpGroup, version)
}

// receive reads until the gateway answers or the deadline expires.
func receive(socket *net.UDPConn, gateway netip.Addr) (*url.URL, error) {
	buf := make([]byte, ssdpMax)
	for {
		n, from, err := socket.ReadFromUDPAddrPort(buf)
		if err != nil {
			return nil, err
		}
		if from.Addr().Unmap() != gateway {
			continue
		}
		if at, err := location(buf[:n], gateway); err == nil {
			return at, nil
		}
	}
}

// location returns the URL in an answer, which must be on the gateway itself.
func location(b []byte, gateway netip.Addr) (*url.URL, error) {
	r, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(b)), nil)
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	at, err := r.Location()
	if err != nil || r.StatusCode != http.StatusOK {
		return nil, errShort
	}
	if host, err := netip.ParseAddr(at.Hostname()); err != nil || host != gateway || at.Scheme != "http" {
		return nil, ErrForeign
	}
	return at, nil
}
