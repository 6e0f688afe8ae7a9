// Package natlab builds networks with real NATs for tests: Linux network namespaces in which
// the kernel translates addresses. A small router in this process connects them, and delays,
// drops and queues packets.
//
//	lab := natlab.New(t)
//	server := lab.Host("203.0.113.1")
//	router := lab.Router("198.51.100.1", natlab.PortRestricted)
//	a := router.Host("192.168.1.2")
//	router.Link(natlab.Link{Delay: 10 * time.Millisecond})
//	a.Command("p2ptool", "serve").Run()
//	a.Do(func() { ... sockets opened here are a's ... })
//
// Each host and router has a namespace. Its network device is a TUN whose other end this
// process holds. A segment, which is the internet or the network behind a router, passes
// packets between its devices by destination. Nothing of this has a name outside the process,
// so labs do not collide, and the kernel removes everything when the process ends, however it
// ends.
//
// A lab needs Linux and root. Without them New skips the test, or fails it if the environment
// has CI=true.
package natlab
