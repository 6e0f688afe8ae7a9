package portmap

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
)

const deviceText = `<?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0"><device>
<deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType><serviceList><service>
<serviceType>urn:schemas-upnp-org:service:WANIPConnection:1</serviceType><controlURL>%s</controlURL>
</service></serviceList></device></root>`

const soapText = `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"
s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>%s</s:Body></s:Envelope>`

const faultText = `<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail>
<UPnPError xmlns="urn:schemas-upnp-org:control-1-0"><errorCode>%d</errorCode></UPnPError></detail></s:Fault>`

// device serves a router's device. Action handles actions by name, and returns the status and the
// body.
func device(t *testing.T, control string, action func(name, body string) (int, string)) *url.URL {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/root", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, deviceText, control) })
	mux.HandleFunc("/control", func(w http.ResponseWriter, r *http.Request) {
		body := make([]byte, 4096)
		n, _ := r.Body.Read(body)
		_, name, _ := strings.Cut(strings.Trim(r.Header.Get("Soapaction"), `"`), "#")
		status, text := action(name, string(body[:n]))
		w.WriteHeader(status)
		fmt.Fprintf(w, soapText, text)
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	at, err := url.Parse(s.URL + "/root")
	if err != nil {
		t.Fatal(err)
	}
	return at
}

var loopback = netip.MustParseAddr("127.0.0.1")

func answerOf(name, inside string) string {
	return fmt.Sprintf(`<u:%sResponse xmlns:u="urn:schemas-upnp-org:service:WANIPConnection:1">%s</u:%[1]sResponse>`, name, inside)
}

// A router that only supports permanent mappings, with the port taken by another host.
func TestOldRouter(t *testing.T) {
	var added, removed []string
	at := device(t, "/control", func(name, body string) (int, string) {
		switch {
		case name == "GetExternalIPAddress":
			return 200, answerOf(name, "<NewExternalIPAddress>11.0.0.1</NewExternalIPAddress>")
		case name == "DeletePortMapping":
			removed = append(removed, body)
		case !strings.Contains(body, "<NewLeaseDuration>0<"):
			return 500, fmt.Sprintf(faultText, leaseForever)
		case strings.Contains(body, "<NewExternalPort>5000<"):
			return 500, fmt.Sprintf(faultText, portTaken)
		default:
			added = append(added, body)
		}
		return 200, answerOf(name, "")
	})
	service, err := describe(t.Context(), loopback, at)
	if err != nil {
		t.Fatal(err)
	}
	c := &upnpClient{gateway: Gateway{loopback, loopback}, service: service}
	l, err := c.request(t.Context(), 5000)
	if err != nil || l.external.Addr() != netip.MustParseAddr("11.0.0.1") || l.external.Port() == 5000 || len(added) != 1 {
		t.Fatalf("%v, %v, added %d", l, err, len(added))
	}
	if !strings.Contains(added[0], "<NewInternalClient>127.0.0.1<") || !strings.Contains(added[0], "<NewInternalPort>5000<") {
		t.Errorf("asked for %s", added[0])
	}
	if err := c.release(t.Context(), 5000); err != nil || len(removed) != 1 || !strings.Contains(removed[0], fmt.Sprint(l.external.Port())) {
		t.Errorf("%v, removed %q", err, removed)
	}
}

// A device that refers to another host is rejected.
func TestForeignDevice(t *testing.T) {
	at := device(t, "http://127.0.0.2:1/control", nil)
	service, err := describe(t.Context(), loopback, at)
	if err != nil {
		t.Fatal(err)
	}
	c := &upnpClient{gateway: Gateway{loopback, loopback}, service: service}
	if _, err := c.probe(t.Context()); err == nil || !strings.Contains(err.Error(), ErrForeign.Error()) {
		t.Errorf("control elsewhere: %v", err)
	}
	far := *at
	far.Host = "127.0.0.2:1"
	if _, err := describe(t.Context(), loopback, &far); !errors.Is(err, ErrForeign) {
		t.Errorf("description elsewhere: %v", err)
	}
	away := httptest.NewServer(http.RedirectHandler("http://127.0.0.2:1/root", http.StatusFound))
	defer away.Close()
	at, _ = url.Parse(away.URL)
	if _, err := describe(t.Context(), loopback, at); err == nil || !strings.Contains(err.Error(), "302") {
		t.Errorf("redirected: %v", err)
	}
}

// An endless device description is cut.
func TestEndlessDevice(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `<?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0"><device><friendlyName>`)
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 1<<14)); err != nil {
				return
			}
		}
	}))
	defer s.Close()
	at, _ := url.Parse(s.URL)
	if _, err := describe(t.Context(), loopback, at); err == nil {
		t.Error("accepted an endless description")
	}
}

func TestLocation(t *testing.T) {
	router := netip.MustParseAddr("192.168.1.1")
	for text, want := range map[string]bool{
		"HTTP/1.1 200 OK\r\nLOCATION: http://192.168.1.1:5000/d.xml\r\n\r\n":  true,
		"HTTP/1.1 200 OK\r\nLOCATION: http://192.168.1.7:5000/d.xml\r\n\r\n":  false,
		"HTTP/1.1 200 OK\r\nLOCATION: http://router:5000/d.xml\r\n\r\n":       false,
		"HTTP/1.1 200 OK\r\nLOCATION: https://192.168.1.1:5000/d.xml\r\n\r\n": false,
		"HTTP/1.1 200 OK\r\n\r\n": false,
		"HTTP/1.1 404 No\r\nLOCATION: http://192.168.1.1/d.xml\r\n\r\n": false,
		"M-SEARCH * HTTP/1.1\r\n\r\n":                                   false,
	} {
		if _, err := location([]byte(text), router); (err == nil) != want {
			t.Errorf("%q: %v", text, err)
		}
	}
}
