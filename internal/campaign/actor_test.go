package campaign

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"p2ptool/internal/netsim"
	"p2ptool/p2p/identity"
)

// A machine is a computer that processes run on.
type machine struct {
	owner   int
	host    *netsim.Host
	home    *household
	streams *netsim.Streams
	plug    *plug
}

// innerAddr is a person's address behind a NAT.
func innerAddr(who int) string { return fmt.Sprintf("192.168.1.%d", 2+who) }

func (m *machine) inner() string { return innerAddr(m.owner) }

// outerAddr is the machine's own address.
func (m *machine) outerAddr() string {
	addrs, err := m.host.Addrs()
	must(err)
	i := slices.IndexFunc(addrs, func(a netip.Addr) bool { return a.Is4() && !a.IsLoopback() })
	return addrs[i].String()
}

// An actor is a person in a world.
type actor struct {
	index     int
	plan      person
	machine   *machine
	key       identity.SecretKey
	residents []*process
	planted   map[string]string // what was in the inbox beforehand
	graves    int               // how many of its processes were killed
	disk      *smallDisk        // of all that is the person's; nil: it is large
}

func (w *world) newActor(i int, plan person) *actor {
	disk := w.mount(i)
	a := w.newPerson(i, plan)
	a.disk = disk
	a.machine = &machine{owner: i, streams: &w.streams, plug: newPlug()}
	w.homes[plan.home].admit(w, a.machine)
	return a
}

// newPerson gives a person a key and an inbox, in which there is something already.
func (w *world) newPerson(i int, plan person) *actor {
	a := &actor{index: i, plan: plan, key: newKey(), planted: map[string]string{}}
	must(os.MkdirAll(a.inbox(w), 0o755))
	for _, name := range commonNames[:plan.taken] {
		a.planted[name] = fmt.Sprintf("%s's own %s", plan.name, name)
		must(os.WriteFile(filepath.Join(a.inbox(w), name), []byte(a.planted[name]), 0o644))
	}
	return a
}

func (a *actor) inbox(w *world) string { return w.path(filepath.Join(a.plan.name, "inbox")) }

// guid is how a person is called in events.
func (w *world) guid(who int) string { return w.people[who].key.GUID().String() }

// config writes a person's configuration.
func (w *world) config(i int) string {
	a := w.people[i]
	var b strings.Builder
	fmt.Fprintf(&b, "secret_key = %q\n[peer]\nserver = %q\nserver_key = %q\nname = %q\n", a.key.Reveal(), serverAddr, w.serverKey.Public(), a.plan.name)
	fmt.Fprintf(&b, "[receive]\ndir = %q\naccept = \"all\"\nconflict = %q\n", a.inbox(w), a.plan.conflict)
	for _, o := range w.people {
		if o != a {
			fmt.Fprintf(&b, "[contacts.%s]\nguid = %q\n", o.plan.name, o.key.GUID())
		}
	}
	return b.String()
}

// startResident starts the command that the person has running.
func (a *actor) startResident(w *world) {
	next := names[(a.index+1)%len(w.people)]
	words := map[resident][]string{runs: {"run"}, receives: {"receive"}, chats: {"chat", next, "--wait", "1h", "--linger", "1h"}}[a.plan.resident]
	if words != nil {
		a.residents = append(a.residents, w.start(a.index, -1-len(a.residents), "", words...))
	}
}

// supervise starts the resident again if the newest has ended, and not by force.
func (a *actor) supervise(w *world) {
	if n := len(a.residents); n > 0 && !w.closing {
		if r := a.residents[n-1]; r.over() && !r.killed {
			a.startResident(w)
		}
	}
}

// resident returns the newest one that runs; nil: none.
func (a *actor) resident() *process {
	for i := len(a.residents) - 1; i >= 0; i-- {
		if r := a.residents[i]; !r.over() && !r.killed {
			return r
		}
	}
	return nil
}

// move takes the person's machine to another home.
func (a *actor) move(w *world, to *household) {
	if a.machine.home == to {
		return
	}
	a.machine.home.dismiss(a.machine)
	to.admit(w, a.machine)
}
