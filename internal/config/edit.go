package config

import (
	"errors"
	"maps"
	"reflect"
	"slices"

	"github.com/BurntSushi/toml"

	"p2ptool/internal/config/tomledit"
)

// SetPeer changes the rendezvous server and the name of the peer in the file that the config was loaded from,
// and keeps every other byte of it. An empty string leaves a value as it is. The pinned key of another server is
// emptied.
func (c *Config) SetPeer(server ServerAddress, name Name) error {
	values := make(map[string]string)
	if server != "" && server != c.Peer.Server {
		values["server"] = string(server)
		if !c.Peer.ServerKey.IsZero() {
			values["server_key"] = ""
		}
	}
	if name != "" && name != c.Peer.Name {
		values["name"] = string(name)
	}
	if len(values) == 0 {
		return nil
	}
	return c.apply(edit{
		change: func(d *tomledit.Document) (string, error) {
			text := d.String()
			for _, key := range slices.Sorted(maps.Keys(values)) {
				now, err := tomledit.Parse(text)
				if err != nil {
					return "", err
				}
				if text, err = now.SetString([]string{peerTable, key}, values[key]); err != nil {
					return "", err
				}
			}
			return text, nil
		},
		mean: func(file map[string]any) {
			peer, ok := file[peerTable].(map[string]any)
			if !ok {
				peer = map[string]any{}
				file[peerTable] = peer
			}
			for key, value := range values {
				peer[key] = value
			}
		},
	})
}

// peerTable is the table of the file with the settings of a peer.
const peerTable = "peer"

// An edit changes a file, and says what the change means.
type edit struct {
	change func(*tomledit.Document) (string, error)
	mean   func(file map[string]any) // the same change, to what the file decodes to
}

// apply changes the file. What it would decode to afterwards is compared with what is
// meant before anything is written.
func (c *Config) apply(e edit) error {
	return rewrite(c.file, func(text string) (string, error) {
		d, err := tomledit.Parse(text)
		if err != nil {
			return "", err
		}
		changed, err := e.change(d)
		if err != nil {
			if at, ok := errors.AsType[*tomledit.LineError](err); ok {
				return "", Problem{File: c.file, Line: at.Line, Text: at.Text}
			}
			return "", err
		}
		if err := e.verify(text, changed); err != nil {
			return "", Problem{File: c.file, Text: "cannot be edited safely, edit it by hand: " + err.Error()}
		}
		return changed, nil
	})
}

func (e edit) verify(before, after string) error {
	var want, got map[string]any
	if _, err := toml.Decode(before, &want); err != nil {
		return err
	}
	if _, err := toml.Decode(after, &got); err != nil {
		return err
	}
	e.mean(want)
	for _, m := range []map[string]any{want, got} {
		if len(contactsOf(m)) == 0 {
			delete(m, contactsTable)
		}
	}
	if !reflect.DeepEqual(want, got) {
		return errors.New("the change would mean something else")
	}
	return nil
}
