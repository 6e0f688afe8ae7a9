package cmd

import (
	"testing"

	"p2ptool/internal/config"
	"p2ptool/p2p"
	"p2ptool/transfer"
)

var (
	bob      = p2p.GUID{0: 1, 6: 0x80, 8: 0x80}
	carol    = p2p.GUID{0: 2, 6: 0x80, 8: 0x80}
	stranger = p2p.GUID{0: 3, 6: 0x80, 8: 0x80}
)

// rulesOf returns rules with two contacts: bob, whose files are accepted without asking, and
// carol.
func rulesOf(accept config.Accept) rules {
	cfg := config.Default()
	cfg.Receive.Accept = accept
	cfg.Contacts = map[string]config.Contact{"bob": {GUID: bob, Accept: true, Dir: "from-bob"}, "carol": {GUID: carol}}
	return rules{cfg: cfg}
}

func TestRules(t *testing.T) {
	t.Parallel()
	tests := []struct {
		accept                 config.Accept
		bob, carol, anyoneElse verdict
	}{
		{config.AcceptAsk, accept, ask, ask},
		{config.AcceptContacts, accept, accept, refuse},
		{config.AcceptAll, accept, accept, accept},
		{config.AcceptNone, refuse, refuse, refuse},
	}
	for _, tt := range tests {
		r := rulesOf(tt.accept)
		for peer, want := range map[p2p.GUID]verdict{bob: tt.bob, carol: tt.carol, stranger: tt.anyoneElse} {
			got, err := r.judge(peer, transfer.Offer{Bytes: 10})
			if got != want || (err != nil) != (want == refuse) {
				t.Errorf("%s: %s: %v, %v, want %v", tt.accept, nameOf(r.cfg, peer), got, err, want)
			}
		}
	}
}

func TestRulesOfTheCommandLine(t *testing.T) {
	t.Parallel()
	offer := transfer.Offer{Bytes: 10}
	r := rulesOf(config.AcceptNone)
	r.yes = true
	if v, _ := r.judge(stranger, offer); v != accept {
		t.Error("--yes does not accept a stranger's files")
	}
	r.from = &carol
	if v, err := r.judge(bob, offer); v != refuse || err != errNotFrom {
		t.Errorf("--from carol: bob's files: %v, %v", v, err)
	}
	if v, _ := r.judge(carol, offer); v != accept {
		t.Error("--from carol refuses carol")
	}
	r.cfg.Receive.MaxSize = 9
	if v, err := r.judge(carol, offer); v != refuse || err.Error() != "larger than the receiver's limit of 9 B" {
		t.Errorf("too large: %v, %v", v, err)
	}
}

func TestRulesResumedWithoutAsking(t *testing.T) {
	t.Parallel()
	offer := transfer.Offer{Bytes: 10, Resumes: true}
	if v, _ := rulesOf(config.AcceptAsk).judge(stranger, offer); v != accept {
		t.Error("a resumed transfer is asked about again")
	}
	if v, _ := rulesOf(config.AcceptNone).judge(stranger, offer); v != refuse {
		t.Error("a resumed transfer is accepted although the config accepts nothing")
	}
}

func TestRulesFolder(t *testing.T) {
	t.Parallel()
	r := rulesOf(config.AcceptAsk)
	if r.dir(bob) != "from-bob" || r.dir(carol) != "." || r.dir(stranger) != "." {
		t.Errorf("dirs: %q, %q, %q", r.dir(bob), r.dir(carol), r.dir(stranger))
	}
	r.into = "elsewhere"
	if r.dir(bob) != "elsewhere" {
		t.Errorf("--dir: %q", r.dir(bob))
	}
}

func TestQuestion(t *testing.T) {
	t.Parallel()
	tests := []struct {
		offer transfer.Offer
		want  string
	}{
		{transfer.Offer{Names: []string{"a.txt"}, Count: 1, Files: 1, Bytes: 1 << 20}, `bob wants to send "a.txt", 1.0 MB: accept?`},
		{transfer.Offer{Names: []string{"\x1b[2Ja"}, Count: 1, Files: -1, Bytes: -1}, `bob wants to send "\\x1b[2Ja", of unknown size: accept?`},
		{transfer.Offer{Names: []string{"a", "b"}, Count: 2, Files: 7, Bytes: 3}, `bob wants to send "a", "b" (7 files), 3 B: accept?`},
		{transfer.Offer{Names: []string{"a", "b", "c", "d"}, Count: 400, Files: 400, Bytes: 3}, `bob wants to send "a", "b", "c" and 397 more (400 files), 3 B: accept?`},
		{transfer.Offer{Count: 2, Files: 2, Bytes: 3}, `bob wants to send 2 items (2 files), 3 B: accept?`},
	}
	for _, tt := range tests {
		if got := question("bob", tt.offer, ""); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
	if got, want := question("bob", tests[0].offer, "inbox"), `bob wants to send "a.txt", 1.0 MB, into "inbox": accept?`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
