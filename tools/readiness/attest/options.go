package attest

import (
	"time"
)

// What a waiver can cover.
const (
	scopeCommits = "commits"
	scopePackage = "package"
)

// options holds the command line.
type options struct {
	what           string
	review, newKey bool
	approve        bool
	waive, expires string
	owner, scope   string
	base, key      string
}

// check refuses options that contradict each other or are incomplete.
func (o *options) check() error {
	waiver := o.expires != "" || o.owner != "" || o.scope != ""
	switch {
	case o.newKey && (o.review || o.approve || o.waive != "" || o.what != "" || waiver):
		return usage("-newKey makes a key and signs nothing, so it can only be combined with -key")
	case o.newKey:
		return nil
	case o.review && (o.waive != "" || waiver):
		return usage("sign a review and a waiver separately")
	case o.approve && (o.review || o.waive != "" || waiver):
		return usage("sign an approval separately")
	case o.approve && o.what == "":
		o.what = "I have read the evidence, and this may go to production"
	case o.review && o.what == "":
		o.what = "I have read the change and agree"
	case o.waive == "" && waiver:
		return usage("-expires, -owner and -scope are only for waivers: name the check with -waive")
	case o.waive != "" && (o.what == "" || o.owner == "" || o.expires == ""):
		return usage(`a waiver needs -what="the reason", -owner=NAME and -expires=2006-01-02`)
	case o.what == "":
		return usage(`what have you tried? Say it with -what="..."`)
	case o.scope != "" && o.scope != scopeCommits && o.scope != scopePackage:
		return usage("-scope=%s is neither %s nor %s", o.scope, scopeCommits, scopePackage)
	}
	if o.waive != "" {
		if _, err := o.until(); err != nil {
			return usage("-expires=%s is not a day such as 2006-01-02", o.expires)
		}
	}
	return nil
}

// until returns the beginning of the day in -expires.
func (o *options) until() (time.Time, error) { return time.Parse(time.DateOnly, o.expires) }
