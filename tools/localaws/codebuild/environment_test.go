package codebuild

import (
	"slices"
	"strings"
	"testing"
)

// TestAttackByAUsersSecrets runs code that nobody has reviewed on the machine of somebody whose
// environment has tokens. None of them reaches a build.
func TestAttackByAUsersSecrets(t *testing.T) {
	t.Parallel()
	users := []string{
		"AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "GITHUB_TOKEN", "GH_TOKEN", "GITLAB_TOKEN", "MAGEWRIGHT_GITLAB_TOKEN", "MAGEWRIGHT_KEY", "NPM_TOKEN", "NODE_AUTH_TOKEN",
		"npm_config__authToken", "NPM_CONFIG_//registry.example/:_authToken", "npm_config__password", "npm_config_key", "SSH_AUTH_SOCK", "SSH_AGENT_PID", "GPG_AGENT_INFO",
		"DATABASE_URL", "VAULT_TOKEN", "GOAUTH", "GIT_ASKPASS", "KUBECONFIG", "BASH_ENV", "LD_PRELOAD", "DBUS_SESSION_BUS_ADDRESS",
	}
	needed := []string{"PATH=/bin", "LD_LIBRARY_PATH=/opt/lib", "GOPROXY=https://proxy.example", "npm_config_registry=https://npm.example", "SSL_CERT_FILE=/ca", "LC_ALL=C", "NO_PROXY=x,127.0.0.1,localhost,::1", "https_proxy=http://p"}
	// A build has a home of its own.
	host := []string{"NO_PROXY=x", "HOME=/home/ada", "XDG_CONFIG_HOME=/home/ada/settings"}
	for _, name := range users {
		host = append(host, name+"=s3cr3t")
	}
	for _, variable := range needed {
		if !strings.HasPrefix(variable, "NO_PROXY=") {
			host = append(host, variable)
		}
	}
	got := hostEnviron(host)
	slices.Sort(got)
	slices.Sort(needed)
	if !slices.Equal(got, needed) {
		t.Errorf("a build sees %q, want %q", got, needed)
	}
}
