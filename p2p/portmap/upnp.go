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
	upnpPatience = 3 * time.Second // for all requests of one call
	upnpBody     = 256 << 10       // bytes of an answer that are read
	upnpPorts    = 4               // ports to try if others are taken
	description  = "p2ptool"
	leaseForever = 725 // error: the router only supports permanent mappings (OnlyPermanentLeasesSupported)
	portTaken    = 718 // error: another host has the port (ConflictInMappingEntry)
	udpInUPnP    = "UDP"
)

// A connection is the port mapping service of a router; goupnp has a type for each kind and version.
type connection interface {
	AddPortMappingCtx(ctx context.Context, remote string, external uint16, protocol string, internal uint16,
		self string, enabled bool, description string, seconds uint32) error
	DeletePortMappingCtx(ctx context.Context, remote string, external uint16, protocol string) error
	GetExternalIPAddressCtx(ctx context.Context) (string, error)
}

// An upnpClient is a client for UPnP IGD, version 1 or 2.
type upnpClient struct {
	gateway Gateway
	service connection // nil: not found yet
	last    uint16     // the last requested external port
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

// look returns false: UPnP has no epoch. A restart of the router is noticed when the mapping is
// renewed, or when the host's address changes.
func (c *upnpClient) look(context.Context) (uint32, bool) { return 0, false }

func (c *upnpClient) request(ctx context.Context, port uint16) (lease, error) {
	ip, err := c.probe(ctx)
	if err != nil {
		c.service = nil // after a restart the router's port may differ
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

// add requests the external port, with a lifetime if the router supports that.
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

// describe reads the device description and finds the service.
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
	return nil, fmt.Errorf("%w: no port mapping service", ErrSilent)
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
		return nil, fmt.Errorf("the router's description: %s", answer.Status)
	}
	root := new(goupnp.RootDevice)
	d := xml.NewDecoder(answer.Body)
	d.DefaultSpace = goupnp.DeviceXMLNamespace
	if err := d.Decode(root); err != nil {
		return nil, fmt.Errorf("the router's description: %w", err)
	}
	base := at
	if root.URLBaseStr != "" {
		if base, err = url.Parse(root.URLBaseStr); err != nil {
			return nil, fmt.Errorf("the router's description: %w", err)
		}
	}
	root.SetURLBase(base)
	return root, nil
}

// onlyTo returns a client that connects only to the router, and bounds the length of answers.
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

// bounded is a transport that cuts answers after upnpBody bytes.
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

// fault converts a SOAP fault to a *ResultError.
func fault(err error) error {
	if f, ok := errors.AsType[*soap.SOAPFaultError](err); ok {
		return &ResultError{UPnP, f.Detail.UPnPError.Errorcode}
	}
	return err
}
