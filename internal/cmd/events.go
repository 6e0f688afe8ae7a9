package cmd

import (
	"time"

	"p2ptool/p2p"
)

// An event is a line of --json. Fields and their meaning are a contract with scripts:
// fields may be added, but not changed. docs/events.md describes them.
type event interface{ event() string }

// A who is the peer that an event is about.
type who struct {
	Peer    string `json:"peer"`              // the GUID
	Contact string `json:"contact,omitempty"` // the peer's name in the config
}

type (
	listeningEvent struct {
		Addr string `json:"addr"`
		Key  string `json:"key,omitempty"`
		TLS  string `json:"tls,omitempty"` // the TCP address
	}
	registeredEvent struct {
		GUID   string `json:"guid"`
		Addr   string `json:"addr"`
		Server string `json:"server"`
		TLS    bool   `json:"tls,omitempty"` // registered over TLS
	}
	connectedEvent struct{ pathFields }
	pathEvent      struct{ pathFields }
	pathFields     struct {
		who
		Path string  `json:"path"`
		Addr string  `json:"addr"`
		RTT  float64 `json:"rtt_ms"`
		Why  string  `json:"why,omitempty"` // why it is not direct, or carries small packets only
	}
	incompatibleEvent struct {
		Addr   string `json:"addr,omitempty"`   // of a peer that tried to connect
		Server string `json:"server,omitempty"` // or the server
		Theirs byte   `json:"theirs"`
		Ours   byte   `json:"ours"`
	}
	disconnectedEvent struct {
		who
		Reason string `json:"reason,omitempty"`
	}
	messageEvent struct {
		who
		Text string `json:"text"`
		ID   uint64 `json:"id"`
	}
	deliveredEvent struct {
		who
		ID uint64 `json:"id"`
	}
	offerEvent struct {
		who
		Transfer string `json:"transfer"`
		Files    int64  `json:"files"`
		Bytes    int64  `json:"bytes"`
	}
	progressEvent struct {
		who
		Transfer string `json:"transfer"`
		Bytes    int64  `json:"bytes"`
		Total    int64  `json:"total"`
		Rate     int64  `json:"rate"` // bytes per second
		Path     string `json:"path"`
	}
	stalledEvent struct {
		who
		Transfer string `json:"transfer,omitempty"` // empty for lines of a chat
		Seconds  int64  `json:"seconds"`            // since something moved
		Why      string `json:"why"`
	}
	waitingEvent struct{ who }
	fileEvent    struct {
		who
		Transfer string `json:"transfer"`
		Dir      string `json:"dir,omitempty"` // for received files: the absolute path of the folder
		Path     string `json:"path"`
		Bytes    int64  `json:"bytes"`
		BLAKE3   string `json:"blake3,omitempty"`
		Status   string `json:"status"`
		Reason   string `json:"reason,omitempty"`
		Renamed  string `json:"renamed,omitempty"` // the sender's path, if Path differs

		// The same in base64, if they are not UTF-8.
		PathBytes    []byte `json:"path_bytes,omitempty"`
		RenamedBytes []byte `json:"renamed_bytes,omitempty"`
	}
	doneEvent struct {
		who
		Transfer string  `json:"transfer"`
		Files    int64   `json:"files"`
		Failed   int64   `json:"failed"`
		Bytes    int64   `json:"bytes"`
		Seconds  float64 `json:"seconds"`
		Resumed  int64   `json:"resumed_bytes"`
		Dir      string  `json:"dir,omitempty"` // as in fileEvent
	}
	peerEvent struct {
		GUID  string `json:"guid"`
		Name  string `json:"name"`
		Since string `json:"since"`
	}
	pingEvent struct {
		pathFields
		Seq int `json:"seq"`
	}
	benchEvent struct { // rates in bytes per second
		pathFields
		RTTUp        float64 `json:"rtt_sending_ms"`
		RTTDown      float64 `json:"rtt_receiving_ms"`
		Up           int64   `json:"up"`
		Down         int64   `json:"down"`
		DiskRead     int64   `json:"disk_read"`
		DiskWrite    int64   `json:"disk_write"`
		PeerRead     int64   `json:"peer_disk_read"`
		PeerWrite    int64   `json:"peer_disk_write"`
		Sending      int64   `json:"sending"`
		Receiving    int64   `json:"receiving"`
		SendBound    string  `json:"sending_bottleneck"` // network, disk, peer_disk or rest
		ReceiveBound string  `json:"receiving_bottleneck"`
	}
	idEvent struct {
		GUID string `json:"guid"`
		File string `json:"file,omitempty"`
	}
	checkedEvent struct {
		File string `json:"file"`
		Mode string `json:"mode"`
		Dir  string `json:"dir"` // for received files, absolute
	}
	unfinishedEvent struct {
		Dir   string `json:"dir"`
		Files int    `json:"files"`
		Bytes int64  `json:"bytes"`
		Last  string `json:"last"`
	}
	versionEvent struct {
		Version string `json:"version"`
		Go      string `json:"go"`
	}
	errorEvent struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		Hint    string `json:"hint,omitempty"`
	}
)

func (listeningEvent) event() string    { return "listening" }
func (registeredEvent) event() string   { return "registered" }
func (connectedEvent) event() string    { return "connected" }
func (pathEvent) event() string         { return "path" }
func (disconnectedEvent) event() string { return "disconnected" }
func (incompatibleEvent) event() string { return "incompatible" }
func (messageEvent) event() string      { return "message" }
func (deliveredEvent) event() string    { return "delivered" }
func (offerEvent) event() string        { return "offer" }
func (progressEvent) event() string     { return "progress" }
func (stalledEvent) event() string      { return "stalled" }
func (waitingEvent) event() string      { return "waiting" }
func (fileEvent) event() string         { return "file" }
func (doneEvent) event() string         { return "done" }
func (peerEvent) event() string         { return "peer" }
func (pingEvent) event() string         { return "ping" }
func (benchEvent) event() string        { return "bench" }
func (idEvent) event() string           { return "id" }
func (checkedEvent) event() string      { return "checked" }
func (unfinishedEvent) event() string   { return "unfinished" }
func (versionEvent) event() string      { return "version" }
func (errorEvent) event() string        { return "error" }

// who returns the fields that name a peer.
func (p *program) who(peer p2p.GUID) who {
	w := who{Peer: peer.String()}
	if cfg := p.loaded.Load(); cfg != nil {
		w.Contact = cfg.ContactName(peer)
	}
	return w
}

// fieldsOf returns the fields that describe the path to a peer.
func (p *program) fieldsOf(peer p2p.GUID, path p2p.Path) pathFields {
	return pathFields{p.who(peer), path.Kind.String(), path.Addr.String(), milliseconds(path.RTT), path.Why()}
}

// milliseconds returns a duration with three decimals.
func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
