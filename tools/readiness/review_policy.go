package readiness

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// The review platforms that are supported.
const (
	GitHub     = "github"
	GitLab     = "gitlab"
	CodeCommit = "codecommit"
)

// A ReviewPolicy says where changes are reviewed. If Platform is not set, the
// origin remote determines it.
type ReviewPolicy struct {
	Platform   string `yaml:"platform" json:"platform,omitempty"`     // GitHub, GitLab or CodeCommit
	URL        string `yaml:"url" json:"url,omitempty"`               // URL of a self-hosted platform; for CodeCommit the endpoint
	Repository string `yaml:"repository" json:"repository,omitempty"` // owner/name, group/project or name
	// Branch is the branch that is released, "" for any: requests that were merged to
	// another one don't count.
	Branch string `yaml:"branch" json:"branch,omitempty"`
	// Accounts maps addresses in commits to the people behind them: to an
	// account on the platform, or to the name under which a person signs.
	Accounts map[string]string `yaml:"accounts" json:"accounts,omitempty"`
}

// Account returns who is behind an address, or "".
func (p ReviewPolicy) Account(email string) string {
	for address, account := range p.Accounts {
		if strings.EqualFold(address, email) {
			return account
		}
	}
	return ""
}

// check returns an error if these settings do not identify a platform.
func (p ReviewPolicy) check() error {
	if p.Platform == "" {
		if p.URL != "" || p.Repository != "" {
			return fmt.Errorf("review names no platform: %s, %s or %s", GitHub, GitLab, CodeCommit)
		}
		return nil
	}
	if !slices.Contains([]string{GitHub, GitLab, CodeCommit}, p.Platform) {
		return fmt.Errorf("review.platform is %q: %s, %s and %s can be asked", p.Platform, GitHub, GitLab, CodeCommit)
	}
	if p.Repository == "" || p.Platform == GitHub && strings.Count(p.Repository, "/") != 1 {
		return fmt.Errorf("review.repository is %q: write owner/name, group/project, or CodeCommit's name", p.Repository)
	}
	if u, err := url.Parse(p.URL); err != nil || p.URL != "" && (u.Scheme != "https" && u.Hostname() != "127.0.0.1" || u.Host == "") {
		return fmt.Errorf("review.url is %q: it receives a token, so it must be https", p.URL)
	}
	return nil
}
