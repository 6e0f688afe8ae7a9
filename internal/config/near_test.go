package config

import "testing"

func TestNearest(t *testing.T) {
	t.Parallel()
	commands := []string{"send", "serve", "receive", "chat", "--limit", "--listen", "--yes"}
	for name, want := range map[string]string{
		"sned": "send", "sedn": "send", "snd": "send", "sends": "send", "esnd": "send", "recieve": "receive", "rec": "receive",
		"caht": "chat", "--limti": "--limit", "--lmit": "--limit", "xyz": "", "s": "",
	} {
		if got, ok := Nearest(name, commands); got != want || ok != (want != "") {
			t.Errorf("Nearest(%q) = %q, %v, want %q", name, got, ok, want)
		}
	}
}
