package readiness

import (
	"errors"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/evidence"
)

func TestPolicyNamesPeople(t *testing.T) {
	t.Parallel()
	key := func() evidence.PrivateKey {
		k, err := evidence.NewPrivateKey()
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	ada, bo := key(), key()
	person := func(name, emails, key string) string {
		return "  - {name: " + name + ", emails: [" + emails + "], key: \"" + strings.ReplaceAll(key, "\n", `\n`) + "\"}\n"
	}
	for _, tt := range []struct{ name, people, fails string }{
		{"two", person("Ada", "a@example.com", ada.String()) + person("Bo", "b@example.com, b@home.example", string(bo.PEM())), ""},
		{"no name", person(`""`, "a@example.com", ada.String()), "people[0] has no name"},
		{"no address", person("Ada", "", ada.String()), "Ada has no e-mail address"},
		{"an empty address", person("Ada", `""`, ada.String()), "Ada has no e-mail address"},
		{"no key", person("Ada", "a@example.com", ""), "the key of Ada"},
		{"one name", person("Ada", "a@example.com", ada.String()) + person("Ada", "b@example.com", bo.String()), "occurs twice"},
		{"one key", person("Ada", "a@example.com", ada.String()) + person("Bo", "b@example.com", string(ada.PEM())), "occurs twice"},
	} {
		p, err := ParsePolicy(PolicyFile, []byte("required: [drift]\nmaxAge: 1h\npeople:\n"+tt.people))
		if tt.fails != "" {
			if err == nil || !strings.Contains(err.Error(), tt.fails) {
				t.Errorf("%s: %v, want %q", tt.name, err, tt.fails)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if got, public, err := p.Signer(bo.ID()); err != nil || got.Name != "Bo" || public.ID() != bo.ID() {
			t.Errorf("%s: the signer is %+v, %v", tt.name, got, err)
		}
		if _, _, err := p.Signer(key().ID()); !errors.Is(err, ErrStranger) {
			t.Errorf("%s: a stranger is %v", tt.name, err)
		}
	}
}
