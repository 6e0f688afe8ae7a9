package portmap

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/huin/goupnp"
	"github.com/huin/goupnp/dcps/internetgateway1"
	"github.com/huin/goupnp/dcps/internetgateway2"
	"github.com/huin/goupnp/soap"
)

const (
	upnpPatience = 3 * time.Second // for all that one call asks of the router
	upnpBody     = 256 << 10       // bytes of an answer that are read
	upnpPorts    = 4               // that are tried where others have them
	description  = "p2ptool"
	leaseForever = 725 // error: the router knows no lifetimes (OnlyPermanentLeasesSupported)
	portTaken    = 718 // error: another host has the port (ConflictInMappingEntry)
	udpInUPnP    = "UDP"
)

// A connection is the service of a router that maps ports; goupnp has one for each
// kind and version.
type connection interface {
	AddPortMappingCtx(ctx context.Context, remote string, external uint16, protocol string, internal uint16,
		self string, enabled bool, description string, seconds uint32) error
	DeletePortMappingCtx(ctx context.Context, remote string, external uint16, protocol string) error
	GetExternalIPAddressCtx(ctx context.Context) (string, error)
}

// upnpClient speaks UPnP IGD, version 1 or 2.
type upnpClient struct {
	gateway Gateway
	service connection // nil: not found yet
	last    uint16     // the external port that was asked for last
}

func (c *upnpClient) protocol() Protocol { return UPnP }

func (c *upnpClient) probe(ctx context.Context) (netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, upnpPatience)
	defer cancel()
	if c.service == nil {
		at, err := search(ctx, c.gateway)
		if err != nil {
			return netip.Addr{}, err
		}
		if c.service, err = describe(ctx, c.gateway.Addr, at); err != nil {
			return netip.Addr{}, err
		}
	}
	text, err := c.service.GetExternalIPAddressCtx(ctx)
	if err != nil {
		return netip.Addr{}, fault(err)
	}
	ip, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}, errNothing
	}
	return ip.Unmap(), nil
}

// look has nothing to look at: UPnP has no epoch. A restart is noticed when the
// mapping is renewed, or the host's address changes.
func (c *upnpClient) look(context.Context) (uint32, bool) { return 0, false }

func (c *upnpClient) request(ctx context.Context, port uint16) (lease, error) {
	ip, err := c.probe(ctx)
	if err != nil {
		c.service = nil // the router's own port may be another after a restart
		return lease{}, err
	}
	if c.last == 0 {
		c.last = port
	}
	for range upnpPorts {
		err = c.add(ctx, port)
		if refusal, ok := errors.AsType[*ResultError](err); !ok || refusal.Code != portTaken {
			break
		}
		c.last = 1<<15 + uint16(rand.IntN(1<<14))
	}
	if err != nil {
		return lease{}, err
	}
	return leaseOf(netip.AddrPortFrom(ip, c.last), uint32(wantedLife/time.Second))
}

// add asks for the external port: for a while, or for good where the router knows nothing else.
func (c *upnpClient) add(ctx context.Context, port uint16) error {
	ctx, cancel := context.WithTimeout(ctx, upnpPatience)
	defer cancel()
	var err error
	for _, life := range []time.Duration{wantedLife, 0} {
		err = fault(c.service.AddPortMappingCtx(ctx, "", c.last, udpInUPnP, port,
			c.gateway.Self.String(), true, description, uint32(life/time.Second)))
		if refusal, ok := errors.AsType[*ResultError](err); !ok || refusal.Code != leaseForever {
			break
		}
	}
	return err
}

func (c *upnpClient) release(ctx context.Context, _ uint16) error {
	if c.service == nil || c.last == 0 {
		return nil
	}
	return fault(c.service.DeletePortMappingCtx(ctx, "", c.last, udpInUPnP))
}

// describe reads the description of the device and finds the service.
func describe(ctx context.Context, router netip.Addr, at *url.URL) (connection, error) {
	only := onlyTo(router)
	root, err := rootOf(ctx, only, at)
	if err != nil {
		return nil, err
	}
	for _, k := range kinds {
		for _, s := range root.Device.FindService(k.urn) {
			client := &soap.SOAPClient{EndpointURL: s.ControlURL.URL, HTTPClient: *only}
			return k.make(goupnp.ServiceClient{SOAPClient: client, RootDevice: root, Location: at, Service: s}), nil
		}
	}
	return nil, fmt.Errorf("%w: no service that maps ports", ErrSilent)
}

// kinds are the services, best first.
var kinds = []struct {
	urn  string
	make func(goupnp.ServiceClient) connection
}{
	{internetgateway2.URN_WANIPConnection_2, func(c goupnp.ServiceClient) connection {
		return &internetgateway2.WANIPConnection2{ServiceClient: c}
	}},
	{internetgateway1.URN_WANIPConnection_1, func(c goupnp.ServiceClient) connection {
		return &internetgateway1.WANIPConnection1{ServiceClient: c}
	}},
	{internetgateway1.URN_WANPPPConnection_1, func(c goupnp.ServiceClient) connection {
		return &internetgateway1.WANPPPConnection1{ServiceClient: c}
	}},
}

func rootOf(ctx context.Context, only *http.Client, at *url.URL) (*goupnp.RootDevice, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return nil, err
	}
	answer, err := only.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the description of the router: %s", answer.Status)
	}
	root := new(goupnp.RootDevice)
	d := xml.NewDecoder(answer.Body)
	d.DefaultSpace = goupnp.DeviceXMLNamespace
	if err := d.Decode(root); err != nil {
		return nil, fmt.Errorf("the description of the router: %w", err)
	}
	base := at
	if root.URLBaseStr != "" {
		if base, err = url.Parse(root.URLBaseStr); err != nil {
			return nil, fmt.Errorf("the description of the router: %w", err)
		}
	}
	root.SetURLBase(base)
	return root, nil
}

// onlyTo makes a client that speaks to the router alone, wherever it is led, and
// reads answers to a bound.
func onlyTo(router netip.Addr) *http.Client {
	t := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, to string) (net.Conn, error) {
			if a, err := netip.ParseAddrPort(to); err != nil || a.Addr().Unmap() != router {
				return nil, fmt.Errorf("%w: %q", ErrForeign, to)
			}
			return (&net.Dialer{}).DialContext(ctx, network, to)
		},
	}
	return &http.Client{
		Transport:     bounded{t},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// bounded is a transport whose answers end after upnpBody bytes.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		answer.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(answer.Body, upnpBody), answer.Body}
	}
	return answer, err
}

// fault turns a fault of SOAP into a refusal.
func fault(err error) error {
	if f, ok := errors.AsType[*soap.SOAPFaultError](err); ok {
		return &ResultError{UPnP, f.Detail.UPnPError.Errorcode}
	}
	return err
}
