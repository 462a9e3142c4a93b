package attest

import (
	"time"
)

// What a waiver can be for.
const (
	scopeCommits = "commits"
	scopePackage = "package"
)

// options are what the command line says.
type options struct {
	what           string
	review, newKey bool
	waive, expires string
	owner, scope   string
	base, key      string
}

// check refuses what contradicts itself or lacks a part.
func (o *options) check() error {
	waiver := o.expires != "" || o.owner != "" || o.scope != ""
	switch {
	case o.newKey && (o.review || o.waive != "" || o.what != "" || waiver):
		return usage("-newKey makes a key and signs nothing: it goes with -key only")
	case o.newKey:
		return nil
	case o.review && (o.waive != "" || waiver):
		return usage("a review and a waiver are signed one by one")
	case o.review && o.what == "":
		o.what = "I have read the change and agree"
	case o.waive == "" && waiver:
		return usage("-expires, -owner and -scope are of a waiver: which check does -waive name?")
	case o.waive != "" && (o.what == "" || o.owner == "" || o.expires == ""):
		return usage(`a waiver needs -what="the reason", -owner=NAME and -expires=2006-01-02`)
	case o.what == "":
		return usage(`what have you tried? -what="..." says it`)
	case o.scope != "" && o.scope != scopeCommits && o.scope != scopePackage:
		return usage("-scope=%s is neither %s nor %s", o.scope, scopeCommits, scopePackage)
	}
	if o.waive != "" {
		if _, err := o.until(); err != nil {
			return usage("-expires=%s is no day such as 2006-01-02", o.expires)
		}
	}
	return nil
}

// until is the beginning of the day that -expires names.
func (o *options) until() (time.Time, error) { return time.Parse(time.DateOnly, o.expires) }
