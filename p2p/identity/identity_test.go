package identity

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
)

func testKey(t *testing.T, seed byte) SecretKey {
	t.Helper()
	k, err := generateKey(bytes.NewReader(bytes.Repeat([]byte{seed}, KeySize)))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestGUIDIsVersion8AndStable(t *testing.T) {
	g := testKey(t, 1).GUID()
	// The derivation is part of the protocol: this value may never change.
	if want := "afd0097e-d0a4-828b-bf8b-68202ea0b376"; g.String() != want {
		t.Errorf("GUID of the key of ones = %s, want %s", g, want)
	}
	u := uuid.UUID(g)
	if u.Version() != 8 || u.Variant() != uuid.RFC4122 {
		t.Errorf("version %d, variant %v", u.Version(), u.Variant())
	}
	if g == testKey(t, 2).GUID() {
		t.Error("two keys, one GUID")
	}
}

func TestParseGUID(t *testing.T) {
	g := testKey(t, 1).GUID()
	for _, s := range []string{g.String(), strings.ToUpper(g.String())} {
		if got, err := ParseGUID(s); err != nil || got != g {
			t.Errorf("ParseGUID(%q) = %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "x", g.String()[1:], g.String() + "0", "{" + g.String() + "}",
		strings.Replace(g.String(), "-", "_", 1), uuid.NewString(), "00000000-0000-0000-0000-000000000000"} {
		if got, err := ParseGUID(s); err == nil {
			t.Errorf("ParseGUID(%q) = %v, want an error", s, got)
		}
	}
}

func TestKeyText(t *testing.T) {
	k := testKey(t, 7)
	again, err := ParseSecretKey(k.Reveal() + "\n")
	if err != nil || !again.Public().Equal(k.Public()) {
		t.Errorf("secret key did not survive its text form: %v", err)
	}
	pub, err := ParsePublicKey(k.Public().String())
	if err != nil || !pub.Equal(k.Public()) {
		t.Errorf("public key did not survive its text form: %v", err)
	}
	for _, s := range []string{"", "p2psec-", k.Public().String(), k.Reveal()[:20], k.Reveal() + "A"} {
		_, err := ParseSecretKey(s)
		if err == nil {
			t.Errorf("ParseSecretKey accepted %d characters of nonsense", len(s))
		} else if len(s) > 10 && strings.Contains(err.Error(), s[8:]) {
			t.Errorf("the error repeats the secret: %v", err)
		}
	}
}

func TestSecretKeyNeverPrints(t *testing.T) {
	k := testKey(t, 9)
	j, err := json.Marshal(struct{ K SecretKey }{k})
	if err != nil {
		t.Fatal(err)
	}
	out := string(j)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
		out += fmt.Sprintf(verb, k) + fmt.Sprintf(verb, &k)
	}
	for _, leak := range []string{k.Reveal()[10:], fmt.Sprintf("%x", k.Bytes()), "9, 9, 9", "9 9 9"} {
		if strings.Contains(strings.ToLower(out), strings.ToLower(leak)) {
			t.Errorf("the secret stands in %q", out)
		}
	}
}

func FuzzParseGUID(f *testing.F) {
	f.Add("afd0097e-d0a4-828b-bf8b-68202ea0b376")
	f.Fuzz(func(t *testing.T, s string) {
		g, err := ParseGUID(s)
		if err == nil && g.String() != strings.ToLower(s) {
			t.Errorf("ParseGUID(%q) prints as %q", s, g)
		}
	})
}
