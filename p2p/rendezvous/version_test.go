package rendezvous

import "testing"

func TestVersionErrorNamesTheOlderSide(t *testing.T) {
	for e, want := range map[VersionError]string{
		{3, 4}: "runs protocol 3, this is 4: update p2ptool there",
		{4, 3}: "runs protocol 4, this is 3: update p2ptool here",
	} {
		if got := e.Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
