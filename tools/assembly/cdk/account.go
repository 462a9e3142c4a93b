package cdk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
)

// AccountKey is the context key of the one account that all stacks are synthesized for,
// whatever accounts the CDK app names. A rehearsal sets it, because it has one account. A team
// can try its app in an account of its own with it.
const AccountKey = "account"

// OneAccount changes the assembly in cfg so that all of its stacks belong to the account of
// the CDK context, if the context names one. It returns the accounts that it has replaced: in
// the lists that the CDK CLI reads, and in the templates, whose ARNs and names of buckets
// often contain them. What the CDK app looked up is what cdk.context.json has, which is about
// the account that the app names.
func OneAccount(cfg project.Config) (replaced []string, err error) {
	context, err := Context(cfg)
	if err != nil {
		return nil, err
	}
	account, _ := context[AccountKey].(string)
	if account == "" {
		return nil, nil
	}
	if !accountID.MatchString(account) {
		return nil, exit.Failed("mend "+cfg.Settings()+"/cdk.json", "the context %s is %q, which is not the id of an account", AccountKey, account)
	}
	var files []string
	err = filepath.WalkDir(cfg.Assembly, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && strings.HasPrefix(entry.Name(), "asset."):
			return filepath.SkipDir
		case entry.Name() == "manifest.json", strings.HasSuffix(name, ".assets.json"), strings.HasSuffix(name, ".template.json"):
			files = append(files, name)
		}
		return nil
	})
	others, placeErr := otherAccounts(files, account)
	if err = errors.Join(err, placeErr); err != nil || len(others) == 0 {
		return nil, err
	}
	// Templates come last: writing one changes its name in the two lists.
	slices.SortStableFunc(files, func(a, b string) int {
		return strings.Compare(filepath.Ext(strings.TrimSuffix(a, ".json")), filepath.Ext(strings.TrimSuffix(b, ".json")))
	})
	for _, file := range files {
		data, err := os.ReadFile(file) // #nosec G304 -- a file of the assembly
		if err != nil {
			return nil, err
		}
		changed := data
		for _, other := range others {
			changed = replaceAccount(changed, other, account)
		}
		switch {
		case bytes.Equal(changed, data):
		case strings.HasSuffix(file, ".template.json"):
			err = writeTemplate(file, changed)
		default:
			err = os.WriteFile(file, changed, 0o600) // #nosec G703 -- a file of the assembly
		}
		if err != nil {
			return nil, fmt.Errorf("writing account %s into the cloud assembly: %w", account, err)
		}
	}
	return others, nil
}

var (
	accountID   = regexp.MustCompile(`^[0-9]{12}$`)
	environment = regexp.MustCompile(`^aws://([0-9]{12})/([a-z0-9-]+)$`)
)

// otherAccounts returns the accounts of the stacks in an assembly, without one of them. It
// refuses two stacks that would be the same in that one.
func otherAccounts(files []string, account string) ([]string, error) {
	others, stacks := map[string]bool{}, map[string]string{}
	for _, file := range files {
		if filepath.Base(file) != "manifest.json" {
			continue
		}
		var manifest struct {
			Artifacts map[string]struct {
				Type, Environment string
				Properties        struct{ StackName string }
			}
		}
		if err := readJSON(file, &manifest); err != nil {
			return nil, err
		}
		for id, artifact := range manifest.Artifacts {
			place := environment.FindStringSubmatch(artifact.Environment)
			if artifact.Type != "aws:cloudformation:stack" || place == nil {
				continue
			}
			name := artifact.Properties.StackName
			if name == "" {
				name = id
			}
			name += " in " + place[2]
			if former, taken := stacks[name]; taken && former != place[1] {
				return nil, exit.Failed("give the stacks of the two accounts different names in the CDK app", "stack %s belongs to the accounts %s and %s, and would be one stack in account %s", name, min(former, place[1]), max(former, place[1]), account)
			}
			stacks[name] = place[1]
			others[place[1]] = place[1] != account
		}
	}
	maps.DeleteFunc(others, func(_ string, other bool) bool { return !other })
	return slices.Sorted(maps.Keys(others)), nil
}

// replaceAccount replaces the id of an account, but not as a part of a longer number.
func replaceAccount(text []byte, id, by string) []byte {
	digit := func(at int) bool { return at >= 0 && at < len(text) && text[at] >= '0' && text[at] <= '9' }
	var out []byte
	from := 0
	for {
		i := bytes.Index(text[from:], []byte(id))
		if i < 0 {
			return append(out, text[from:]...)
		}
		at := from + i
		out = append(out, text[from:at]...)
		if digit(at-1) || digit(at+len(id)) {
			out = append(out, id...)
		} else {
			out = append(out, by...)
		}
		from = at + len(id)
	}
}

// LookedUp returns the account and the region whose answers cdk.context.json of a CDK app
// has; "" for what it does not have, or of which it has several.
func LookedUp(app string) (account, region string, err error) {
	var answers map[string]json.RawMessage
	if err := readJSON(filepath.Join(app, "cdk.context.json"), &answers); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return "", "", err
	}
	found := map[string]map[string]bool{"account": {}, "region": {}}
	for key := range answers {
		for part := range strings.SplitSeq(key, ":") {
			name, value, _ := strings.Cut(part, "=")
			if found[name] != nil {
				found[name][value] = true
			}
		}
	}
	only := func(values map[string]bool) string {
		if len(values) != 1 {
			return ""
		}
		return slices.Sorted(maps.Keys(values))[0]
	}
	return only(found["account"]), only(found["region"]), nil
}
