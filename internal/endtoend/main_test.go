package endtoend

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"go.uber.org/goleak"
)

// binaryVar is the environment variable that names the program under test.
const binaryVar = "P2PTOOL_BINARY"

func TestMain(m *testing.M) { os.Exit(run(m)) }

// run builds the program, unless one is named, and runs the tests.
func run(m *testing.M) int {
	if os.Getenv(binaryVar) == "" {
		dir, err := os.MkdirTemp("", "p2ptool-endtoend-")
		if err != nil {
			return complain(err)
		}
		defer os.RemoveAll(dir)
		path := filepath.Join(dir, "p2ptool")
		if runtime.GOOS == "windows" {
			path += ".exe"
		}
		if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", path, "p2ptool").CombinedOutput(); err != nil {
			return complain(fmt.Errorf("building p2ptool: %w\n%s", err, out))
		}
		os.Setenv(binaryVar, path)
	}
	flag.Parse()
	if err := moreParallel(); err != nil {
		return complain(err)
	}
	status := m.Run()
	if err := goleak.Find(); err != nil && status == 0 {
		return complain(err)
	}
	return status
}

// moreParallel runs more parallel tests than there are processors, since tests mostly wait. A
// -parallel flag on the command line takes precedence.
func moreParallel() error {
	const name = "test.parallel"
	said := false
	flag.Visit(func(f *flag.Flag) { said = said || f.Name == name })
	if said {
		return nil
	}
	return flag.Set(name, strconv.Itoa(3*runtime.GOMAXPROCS(0)))
}

func complain(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// full reports whether the tests use the promised sizes.
func full() bool { return os.Getenv("P2PTOOL_FULL") == "1" }

// either returns whole if full is set, less otherwise.
func either[T any](whole, less T) T {
	if full() {
		return whole
	}
	return less
}
