// Package natlab builds networks with real NATs for tests: Linux network
// namespaces in which the kernel translates, joined by a small router in
// this process that delays, loses and queues.
//
//	lab := natlab.New(t)
//	server := lab.Host("203.0.113.1")
//	router := lab.Router("198.51.100.1", natlab.PortRestricted)
//	a := router.Host("192.168.1.2")
//	router.Link(natlab.Link{Delay: 10 * time.Millisecond})
//	a.Command("p2ptool", "serve").Run()
//	a.Do(func() { ... sockets opened here are a's ... })
//
// Each host and router has a namespace. Its network device is a TUN, whose
// other end is held by this process: a segment, which is the internet or what lies
// behind a router, passes packets between the devices on it by destination.
// Nothing of this has a name outside, so labs do not collide, and the kernel
// takes all away when the process ends, however it ends.
//
// A lab needs Linux and root. Where it has not got them New skips the test,
// but fails it where CI is "true" in the environment.
package natlab
