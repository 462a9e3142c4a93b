package localaws_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/magewright/magewright/tools/localaws/localawstest"
)

// TestAttackByAWebPage holds that a page in a browser on this machine can neither
// change anything nor read an answer.
func TestAttackByAWebPage(t *testing.T) {
	t.Parallel()
	cfg := localawstest.Start(t)
	endpoint := *cfg.BaseEndpoint
	// What a form sends: a role, with the credential in the query.
	const create = "Action=CreateRole&Version=2010-05-08&RoleName=back-door&AssumeRolePolicyDocument=%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Principal%22%3A%7B%22Service%22%3A%22lambda.amazonaws.com%22%7D%2C%22Action%22%3A%22sts%3AAssumeRole%22%7D%5D%7D"
	address := endpoint + "/?X-Amz-Credential=MAGEWRIGHT%2F20261101%2Fus-east-1%2Fiam%2Faws4_request"
	for _, tt := range []struct {
		name    string
		host    string
		headers map[string]string
		says    string
	}{
		{"a form of another site", "", map[string]string{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}, "web pages"},
		{"a form without a referrer", "", map[string]string{"Origin": "null"}, "web pages"},
		{"a browser that only says from where", "", map[string]string{"Sec-Fetch-Site": "same-site"}, "another site"},
		{"a name that was rebound", "evil.example", nil, "does not answer for the host evil.example"},
		{"a name that looks like an address", "127.0.0.1.evil.example", nil, "does not answer for the host"},
		{"a bucket's name below another host", "bucket.s3.evil.example", nil, "does not answer for the host"},
		{"an address of another machine", "192.0.2.1", nil, "does not answer for the host"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(create))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for name, value := range tt.headers {
			r.Header.Set(name, value)
		}
		if tt.host != "" {
			r.Host = tt.host
		}
		response, err := http.DefaultClient.Do(r) // #nosec G704 -- the test's own endpoint
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusForbidden || !strings.Contains(string(body), tt.says) {
			t.Errorf("%s: %s: %s", tt.name, response.Status, body)
		}
	}
	roles, err := iam.NewFromConfig(cfg).ListRoles(t.Context(), &iam.ListRolesInput{})
	if err != nil || len(roles.Roles) != 0 {
		t.Errorf("%d roles were made, %v", len(roles.Roles), err)
	}
}

// TestOwnHosts holds that clients of AWS are answered by each name of the endpoint.
func TestOwnHosts(t *testing.T) {
	t.Parallel()
	endpoint := *localawstest.Start(t).BaseEndpoint
	_, port, _ := strings.Cut(strings.TrimPrefix(endpoint, "http://"), ":")
	for _, host := range []string{"127.0.0.1:" + port, "localhost:" + port, "localhost", "[::1]:" + port, "127.1.2.3", "bucket.s3.127.0.0.1:" + port, "bucket.s3.localhost:" + port, "bucket.localhost:" + port} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, endpoint+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		response, err := http.DefaultClient.Do(r) // #nosec G704 -- the test's own endpoint
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if strings.Contains(string(body), "does not answer") {
			t.Errorf("%s: %s: %s", host, response.Status, body)
		}
	}
}
