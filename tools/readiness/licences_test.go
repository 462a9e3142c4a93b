package readiness

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestPolicyOfLicences(t *testing.T) {
	t.Parallel()
	ours, err := os.ReadFile(filepath.Join("..", "..", "infra", filepath.FromSlash(PolicyFile)))
	if err != nil {
		t.Fatal(err)
	}
	p, err := ParsePolicy(PolicyFile, ours)
	if err != nil || len(p.Licences) == 0 || p.DatabaseAge() != 7*24*time.Hour {
		t.Errorf("our policy is %+v, %v", p, err)
	}
	const rest = "required: [licences]\nmaxAge: 24h\n"
	digest := strings.Repeat("a", 64)
	for policy, want := range map[string]string{
		"licenceTexts: {" + digest + ": {is: [MIT], reason: read}}": "",
		"licenceTexts: {LICENSE: {is: [MIT], reason: read}}":        "is not a SHA-256",
		"licenceTexts: {" + digest + ": {is: [], reason: read}}":    "or the reason is missing",
		"licenceTexts: {" + digest + ": {is: [MIT], reason: ' '}}":  "or the reason is missing",
		"databaseMaxAge: -1h": "databaseMaxAge is negative",
		"licenses: [MIT]":     "licenses",
	} {
		_, err := ParsePolicy(PolicyFile, []byte(rest+policy+"\n"))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error is %v, want %q", policy, err, want)
		}
	}
	if got := (Policy{}).DatabaseAge(); got != time.Duration(DefaultDatabaseAge) {
		t.Errorf("without databaseMaxAge it is %s", got)
	}
}
