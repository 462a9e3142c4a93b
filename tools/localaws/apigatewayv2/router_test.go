package apigatewayv2

import (
	"slices"
	"strings"
	"testing"
)

// FuzzRouteKey holds that a key matches its own path, with its variables, and that
// the order of keys is one.
func FuzzRouteKey(f *testing.F) {
	for _, seed := range [][2]string{
		{"GET /pets/{id}", "ANY /pets/{proxy+}"}, {"$default", "GET /"}, {"PUT /a/{b}/c", "PUT /a/b/{c}"}, {"GET /{a}", "GET /{b}"}, {"ANY /a", "GET /a"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		a, err := parseKey(first)
		if err != nil {
			t.Skip()
		}
		if a.text != defaultKey {
			variables, ok := a.match(strings.Replace(a.method, "ANY", "GET", 1), strings.Split(a.path.Text[1:], "/"))
			if !ok {
				t.Fatalf("%q does not match its path", first)
			}
			for name, value := range variables {
				if !strings.HasPrefix(value, "{"+name) {
					t.Errorf("%q: variable %q is %q", first, name, value)
				}
			}
		}
		b, err := parseKey(second)
		if err != nil {
			t.Skip()
		}
		if a.compare(b) != -b.compare(a) || a.compare(a) != 0 {
			t.Errorf("%q and %q: %d and %d", first, second, a.compare(b), b.compare(a))
		}
		if a.same(b) != b.same(a) {
			t.Errorf("%q and %q are the same in one direction", first, second)
		}
	})
}

// The most specific route comes first, whatever order the routes were made in.
func TestOrderOfRoutes(t *testing.T) {
	t.Parallel()
	want := []string{"GET /a/b", "ANY /a/b", "GET /a/{x}", "GET /{x}/b", "GET /a/{p+}", "GET /{p+}", "ANY /{p+}", "$default"}
	keys := make([]routeKey, len(want))
	for i, text := range want {
		key, err := parseKey(text)
		if err != nil {
			t.Fatal(err)
		}
		keys[len(want)-1-i] = key
	}
	for range len(keys) {
		keys = append(keys[1:], keys[0])
		sorted := slices.Clone(keys)
		slices.SortFunc(sorted, routeKey.compare)
		var got []string
		for _, key := range sorted {
			got = append(got, key.text)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
