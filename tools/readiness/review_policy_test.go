package readiness

import (
	"strings"
	"testing"
)

func TestReviewPolicy(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ review, wants string }{
		{"{accounts: {a@example.com: ada}}", ""},
		{"{platform: github, repository: o/r}", ""},
		{"{platform: gitlab, repository: g/s/p, url: 'https://gitlab.example.com'}", ""},
		{"{platform: codecommit, repository: r}", ""},
		{"{platform: gerrit, repository: r}", "gerrit"},
		{"{repository: o/r}", "names no platform"},
		{"{platform: github, repository: r}", "owner/name"},
		{"{platform: gitlab}", "review.repository"},
		{"{platform: gitlab, repository: g/p, url: 'http://gitlab.example.com'}", "must be https"},
		{"{platform: gitlab, repository: g/p, url: gitlab.example.com}", "must be https"},
		{"{plattform: github}", "plattform"},
	} {
		p, err := ParsePolicy(PolicyFile, []byte("maxAge: 1h\nrequired: [peer-review]\nreview: "+tt.review+"\n"))
		if tt.wants == "" && err != nil || tt.wants != "" && (err == nil || !strings.Contains(err.Error(), tt.wants)) {
			t.Errorf("%s gives %v, want %q", tt.review, err, tt.wants)
		}
		if strings.Contains(tt.review, "accounts") && (p.Review.Account("A@example.com") != "ada" || p.Review.Account("b@example.com") != "") {
			t.Errorf("accounts are %v", p.Review.Accounts)
		}
	}
}
