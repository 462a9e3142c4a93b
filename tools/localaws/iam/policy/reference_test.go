package policy_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/localaws/iam/policy"
)

var cases = flag.Int("policies", 4000, "how many random requests TestReference evaluates; the full number is 100000")

// A world is everything that decides one request, as JSON.
type world struct {
	Identity, Session         []string
	Boundary, Resource        string
	Required, Trust           bool
	Principal                 policy.Principal
	Action, Target, OwnerOnly string
	Context                   map[string][]string
}

// TestReference compares the evaluator with one that follows the flow chart of
// the documentation step by step and knows no shortcut.
func TestReference(t *testing.T) {
	t.Parallel()
	counts := map[string]int{}
	for seed := range uint64(*cases) {
		w := randomWorld(rand.New(rand.NewPCG(seed, 1))) //nolint:gosec // not a secret
		want := referenceDecision(t, w)
		got := decide(t, w)
		counts[got]++
		if got != want {
			text, err := json.MarshalIndent(w, "", "  ")
			t.Fatalf("case %d: got %s, the reference says %s\n%s\n%v", seed, got, want, text, err)
		}
	}
	// A generator whose requests are all decided alike would prove nothing.
	for _, result := range []string{
		"Allowed", "ExplicitDeny", "ImplicitDeny by identity-based policy", "ImplicitDeny by resource-based policy",
		"ImplicitDeny by permissions boundary", "ImplicitDeny by session policy", "ImplicitDeny by role trust policy",
	} {
		if counts[result]*200 < *cases {
			t.Errorf("only %d of %d cases are %s: %v", counts[result], *cases, result, counts)
		}
	}
}

func decide(t *testing.T, w world) string {
	t.Helper()
	kind := policy.Resource
	if w.Trust {
		kind = policy.Trust
	}
	ps := policy.Policies{
		Identity: parseAll(t, policy.Identity, w.Identity...), Session: parseAll(t, policy.Identity, w.Session...),
		Required: w.Required, Trust: w.Trust,
	}
	if w.Boundary != "" {
		ps.Boundary = parseAll(t, policy.Identity, w.Boundary)[0]
	}
	if w.Resource != "" {
		ps.Resource = parseAll(t, kind, w.Resource)[0]
	}
	r := &policy.Request{Principal: w.Principal, Action: w.Action, Resource: w.Target, Account: w.OwnerOnly, Context: policy.Context{}}
	for k, v := range w.Context {
		r.Context.Set(k, v...)
	}
	switch d := ps.Evaluate(r); d.Result {
	case policy.Allowed:
		return "Allowed"
	case policy.ExplicitDeny:
		return "ExplicitDeny"
	default:
		return "ImplicitDeny by " + d.By
	}
}

func parseAll(t *testing.T, kind policy.Kind, texts ...string) []*policy.Policy {
	t.Helper()
	var all []*policy.Policy
	for _, text := range texts {
		p, err := policy.Parse(text, kind)
		if err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		all = append(all, p)
	}
	return all
}

const (
	ownAccount   = "111122223333"
	otherAccount = "444455556666"
)

// generator makes random policies from a small vocabulary, so that many of their
// statements apply.
type generator struct{ *rand.Rand }

func pick[T any](g generator, items ...T) T { return items[g.IntN(len(items))] }

// some returns a few of the items, at least one.
func some[T any](g generator, items ...T) []T {
	items = slices.Clone(items)
	g.Shuffle(len(items), func(i, j int) { items[i], items[j] = items[j], items[i] })
	return items[:1+g.IntN(min(3, len(items)))]
}

func randomWorld(r *rand.Rand) world {
	g := generator{r}
	principals := []policy.Principal{
		{ARN: "arn:aws:iam::" + ownAccount + ":user/ann", Account: ownAccount},
		{ARN: "arn:aws:sts::" + ownAccount + ":assumed-role/builder/s1", Role: "arn:aws:iam::" + ownAccount + ":role/builder", Account: ownAccount},
		{ARN: "arn:aws:sts::" + ownAccount + ":assumed-role/builder/s1", Role: "arn:aws:iam::" + ownAccount + ":role/builder", Account: ownAccount},
		{ARN: "arn:aws:iam::" + ownAccount + ":root", Account: ownAccount},
		{Service: "lambda.amazonaws.com"},
		{},
	}
	w := world{
		Principal: principals[min(g.IntN(10), 5)%6],
		Action:    pick(g, "s3:GetObject", "s3:PutObject", "sns:Publish"),
		Target:    pick(g, "arn:aws:s3:::bucket/ann/a:b", "arn:aws:s3:::bucket/x", "arn:aws:sns:us-east-1:111122223333:topic", "*"),
		Context:   map[string][]string{},
	}
	if g.IntN(8) == 0 {
		w.OwnerOnly = otherAccount
	}
	for _, k := range contextKeys {
		if g.IntN(3) > 0 {
			w.Context[k.name] = k.values(g)
		}
	}
	for range g.IntN(3) {
		w.Identity = append(w.Identity, g.document(""))
	}
	if g.IntN(3) == 0 {
		w.Boundary = g.document("")
	}
	if g.IntN(3) == 0 {
		w.Session = append(w.Session, g.document(""))
	}
	switch g.IntN(5) {
	case 0, 1:
		w.Resource = g.document("resource")
	case 2:
		w.Resource, w.Required = g.document("resource"), true
	case 3:
		w.Resource, w.Required, w.Trust = g.document("trust"), true, true
	}
	return w
}

func (g generator) document(kind string) string {
	d := map[string]any{"Version": "2012-10-17"}
	if g.IntN(8) == 0 {
		d["Version"] = "2008-10-17"
	}
	var statements []any
	for range 1 + g.IntN(3) {
		statements = append(statements, g.statement(kind))
	}
	d["Statement"] = statements
	if len(statements) == 1 && g.IntN(2) == 0 {
		d["Statement"] = statements[0]
	}
	text, err := json.Marshal(d)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func (g generator) not(name string, one int) string {
	if g.IntN(one) == 0 {
		return "Not" + name
	}
	return name
}

func (g generator) statement(kind string) map[string]any {
	s := map[string]any{"Effect": "Allow"}
	if g.IntN(6) == 0 {
		s["Effect"] = "Deny"
	}
	s[g.not("Action", 8)] = some(g, "*", "s3:*", "S3:getobject", "s3:Put*", "sns:Publish", "s3:?et*", "sns:*")
	if kind != "trust" {
		s[g.not("Resource", 8)] = some(g, "*", "arn:aws:s3:::bucket/*", "arn:aws:s3:::bucket/${aws:username}/*", "arn:aws:s3:::b?cket/x",
			"arn:aws:sns:*:111122223333:*", "arn:aws:sns", "arn:aws:sns:us-*-1:*:topic", "arn:aws:s3:::${s3:prefix, 'bucket'}/${*}", "arn:aws:sns:*")
	}
	if kind != "" {
		s[g.not("Principal", 8)] = g.principals()
	}
	if g.IntN(2) == 0 {
		s["Condition"] = g.conditions()
	}
	return s
}

func (g generator) principals() any {
	if g.IntN(6) == 0 {
		return "*"
	}
	p := map[string]any{"AWS": some(g, ownAccount, "arn:aws:iam::111122223333:root", otherAccount, "arn:aws:iam::111122223333:user/ann",
		"arn:aws:iam::111122223333:role/builder", "arn:aws:sts::111122223333:assumed-role/builder/s1")}
	if g.IntN(2) == 0 {
		p["Service"] = some(g, "lambda.amazonaws.com", "sns.amazonaws.com")
	}
	return p
}

// A contextKey is a key that random requests may have.
type contextKey struct {
	name   string
	values func(generator) []string
}

var contextKeys = []contextKey{
	{"aws:username", func(g generator) []string { return []string{pick(g, "ann", "bob", "*")} }},
	{"s3:prefix", func(g generator) []string { return []string{pick(g, "", "ann/", "x*")} }},
	{"aws:TagKeys", func(g generator) []string { return some(g, "team", "cost", "") }},
	{"aws:SourceArn", func(g generator) []string {
		return []string{pick(g, "arn:aws:sns:us-east-1:111122223333:topic:x", "arn:aws:sns:us-east-1:444455556666:topic")}
	}},
	{"aws:SourceIp", func(g generator) []string { return []string{pick(g, "203.0.113.5", "127.0.0.1", "2001:db8::1")} }},
	{"aws:SecureTransport", func(g generator) []string { return []string{pick(g, "true", "false")} }},
	{"s3:max-keys", func(g generator) []string { return []string{pick(g, "10", "9.5", "many")} }},
	{"aws:CurrentTime", func(g generator) []string { return []string{pick(g, "2026-01-02T03:04:05Z", "2027-01-01T00:00:00Z")} }},
}

func (g generator) conditions() map[string]any {
	conditions := map[string]any{}
	for range 1 + g.IntN(2) {
		base, values := pick(g, "String", "Ignore", "Like", "Arn", "Numeric", "Date", "Bool", "Ip", "Null"), []string(nil)
		negate := g.IntN(3) == 0
		name := ""
		key := pick(g, contextKeys...).name
		switch base {
		case "String":
			name, values = pick(g, "StringEquals", "StringNotEquals"), some(g, "ann", "team", "", "${aws:username}", "${aws:username}/", "${*}", "${aws:none}", "${aws:none,'team'}")
		case "Ignore":
			name, values = pick(g, "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase"), some(g, "ANN", "Team", "COST")
		case "Like":
			name, values = pick(g, "StringLike", "StringNotLike"), some(g, "a*", "te?m", "*", "${aws:username}*", "c*t", "x${*}")
		case "Arn":
			name, key = pick(g, "ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"), "aws:SourceArn"
			values = some(g, "arn:aws:sns:*:111122223333:*", "arn:aws:sns:us-east-1:*:topic", "*", "arn:aws:*", "arn:aws:sns:us-east-1:444455556666:t?pic")
		case "Numeric":
			name, key = "Numeric"+pick(g, "Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals"), "s3:max-keys"
			values = some(g, "10", "9.5", "100")
		case "Date":
			name, key = "Date"+pick(g, "Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals"), "aws:CurrentTime"
			values = some(g, "2026-01-02T03:04:05Z", "2026-06-01T00:00:00Z", "1798761600")
		case "Bool":
			name, key, values = "Bool", "aws:SecureTransport", some(g, "true", "false")
		case "Ip":
			name, key = pick(g, "IpAddress", "NotIpAddress"), "aws:SourceIp"
			values = some(g, "203.0.113.0/24", "127.0.0.1", "2001:db8::/32")
		default:
			name, values = "Null", []string{strconv.FormatBool(negate)}
			conditions[name] = map[string]any{key: values}
			continue
		}
		name = pick(g, "", "", "ForAllValues:", "ForAnyValue:") + name + pick(g, "", "", "IfExists")
		conditions[name] = map[string]any{key: values}
	}
	return conditions
}

// What follows is the reference. It works on the JSON as it is, and is written
// after the documentation's flow chart.

func referenceDecision(t *testing.T, w world) string {
	t.Helper()
	type source struct{ by, text string }
	var all []source
	for _, text := range w.Identity {
		all = append(all, source{"identity-based policy", text})
	}
	resourceBy := "resource-based policy"
	if w.Trust {
		resourceBy = "role trust policy"
	}
	if w.Resource != "" {
		all = append(all, source{resourceBy, w.Resource})
	}
	if w.Boundary != "" {
		all = append(all, source{"permissions boundary", w.Boundary})
	}
	for _, text := range w.Session {
		all = append(all, source{"session policy", text})
	}

	// Deny evaluation: an explicit deny in any policy is final.
	allowedBy, grants := map[string]bool{}, map[string]bool{}
	for _, s := range all {
		for _, statement := range referenceStatements(t, s.text) {
			grant, applies := referenceApplies(w, statement)
			if !applies {
				continue
			}
			if statement["Effect"] == "Deny" {
				return "ExplicitDeny"
			}
			allowedBy[s.by] = true
			if s.by == resourceBy {
				grants[grant] = true
			}
		}
	}

	root := "arn:aws:iam::" + w.Principal.Account + ":root"
	implicit := func(by string) string { return "ImplicitDeny by " + by }
	// Nobody of the account: only the resource's policy counts.
	if w.Principal.ARN == "" {
		if allowedBy[resourceBy] {
			return "Allowed"
		}
		return implicit(resourceBy)
	}
	sameAccount := w.OwnerOnly == "" || w.OwnerOnly == w.Principal.Account
	if !sameAccount && !allowedBy[resourceBy] {
		return implicit(resourceBy)
	}
	if sameAccount && w.Required && !allowedBy[resourceBy] {
		return implicit(resourceBy)
	}
	// Resource-based policies: the principal itself, or everyone.
	if sameAccount && grants["principal"] {
		return "Allowed"
	}
	// Identity-based policies.
	byRole := sameAccount && grants["role"]
	if !allowedBy["identity-based policy"] && !byRole && w.Principal.ARN != root {
		return implicit("identity-based policy")
	}
	// Permissions boundaries.
	if w.Boundary != "" && !allowedBy["permissions boundary"] {
		return implicit("permissions boundary")
	}
	// Session policies.
	if len(w.Session) > 0 && !allowedBy["session policy"] {
		return implicit("session policy")
	}
	return "Allowed"
}

func referenceStatements(t *testing.T, text string) []map[string]any {
	t.Helper()
	var document map[string]any
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		t.Fatal(err)
	}
	list, ok := document["Statement"].([]any)
	if !ok {
		list = []any{document["Statement"]}
	}
	var statements []map[string]any
	for _, item := range list {
		s, _ := item.(map[string]any)
		s["variables"] = document["Version"] == "2012-10-17"
		statements = append(statements, s)
	}
	return statements
}

func referenceTexts(v any) []string {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	var texts []string
	for _, item := range list {
		texts = append(texts, fmt.Sprint(item))
	}
	return texts
}

func referenceApplies(w world, s map[string]any) (grant string, applies bool) {
	variables, _ := s["variables"].(bool)
	matches := func(name string, match func(string) (bool, error)) bool {
		v, negated := s["Not"+name]
		if !negated {
			var ok bool
			if v, ok = s[name]; !ok {
				return true
			}
		}
		found := false
		for _, text := range referenceTexts(v) {
			ok, err := match(text)
			if err != nil && negated && !found {
				return false
			}
			found = found || ok
		}
		return found != negated
	}
	if !matches("Action", func(text string) (bool, error) {
		re, err := referenceRegexp(strings.ToLower(text), nil, false, true, false)
		return err == nil && re.MatchString(strings.ToLower(w.Action)), err
	}) {
		return "", false
	}
	if !matches("Resource", func(text string) (bool, error) {
		re, err := referenceRegexp(text, w.Context, variables, true, true)
		return err == nil && re.MatchString(w.Target), err
	}) {
		return "", false
	}
	grant, ok := referencePrincipal(w, s)
	if !ok {
		return "", false
	}
	conditions, _ := s["Condition"].(map[string]any)
	for operator, keys := range conditions {
		keys, _ := keys.(map[string]any)
		for key, values := range keys {
			if !referenceCondition(w.Context, operator, key, referenceTexts(values), variables) {
				return "", false
			}
		}
	}
	return grant, true
}

func referencePrincipal(w world, s map[string]any) (grant string, applies bool) {
	if v, ok := s["Principal"]; ok {
		grant = referenceNames(w.Principal, v)
		return grant, grant != ""
	}
	v, ok := s["NotPrincipal"]
	if !ok {
		return "", true
	}
	named := referenceNames(w.Principal, v) != ""
	elements, _ := v.(map[string]any)
	if s["Effect"] == "Deny" && elements != nil && w.Principal.ARN != "" {
		// A boundary makes the denial apply always. Without one, the account, the
		// role and the principal must all be named.
		who := []string{w.Principal.ARN, "arn:aws:iam::" + w.Principal.Account + ":root"}
		if w.Principal.Role != "" {
			who = append(who, w.Principal.Role)
		}
		named = w.Boundary == ""
		for _, arn := range who {
			listed := false
			for _, text := range referenceTexts(elements["AWS"]) {
				listed = listed || text == arn || "arn:aws:iam::"+text+":root" == arn
			}
			named = named && listed
		}
	}
	return "principal", !named
}

func referenceNames(p policy.Principal, v any) string {
	elements, ok := v.(map[string]any)
	if !ok {
		return "principal"
	}
	grant := ""
	if p.Service != "" {
		if elements["Service"] != nil && slices.Contains(referenceTexts(elements["Service"]), p.Service) {
			return "principal"
		}
		return ""
	}
	if p.ARN == "" {
		return ""
	}
	for _, text := range referenceTexts(elements["AWS"]) {
		switch text {
		case p.ARN:
			return "principal"
		case p.Role:
			grant = "role"
		case p.Account, "arn:aws:iam::" + p.Account + ":root":
			if "arn:aws:iam::"+p.Account+":root" == p.ARN {
				return "principal"
			}
			if grant == "" {
				grant = "account"
			}
		}
	}
	return grant
}

var (
	referenceVariable = regexp.MustCompile(`\$\{([^}]*)\}`)
	errUnresolved     = errors.New("the variable has no value")
)

// referenceRegexp translates a pattern to a regular expression.
func referenceRegexp(text string, context map[string][]string, variables, wild, arn bool) (*regexp.Regexp, error) {
	var b strings.Builder
	colons := 0
	add := func(text, rest string, wild bool) {
		for i, r := range text {
			after := text[i+len(string(r)):] + rest
			switch {
			case wild && r == '?':
				b.WriteString(`.`)
			case wild && r == '*' && arn && colons < 5 && after != "" && after[0] != ':':
				b.WriteString(`[^:]*`)
			case wild && r == '*':
				b.WriteString(`.*`)
			default:
				if r == ':' {
					colons++
				}
				b.WriteString(regexp.QuoteMeta(string(r)))
			}
		}
	}
	rest := text
	for variables {
		at := referenceVariable.FindStringSubmatchIndex(rest)
		if at == nil {
			break
		}
		before, inner := rest[:at[0]], rest[at[2]:at[3]]
		rest = rest[at[1]:]
		add(before, "x", wild)
		switch inner {
		case "*", "?", "$":
			add(inner, rest, false)
			continue
		}
		key, fallback, hasDefault := strings.Cut(inner, ",")
		var value string
		values, found := "", false
		for k, v := range context {
			if strings.EqualFold(k, strings.TrimSpace(key)) && len(v) == 1 {
				values, found = v[0], true
			}
		}
		switch {
		case found:
			value = values
		case hasDefault:
			value = strings.Trim(strings.TrimSpace(fallback), "'")
		default:
			return nil, errUnresolved
		}
		add(value, rest, false)
	}
	add(rest, "", wild)
	if arn && colons > 0 && colons < 5 && strings.ContainsAny(text, "*?") && !strings.HasSuffix(text, "*") {
		b.WriteString(`:.*`)
	}
	if arn && colons > 0 && colons < 5 && !strings.ContainsAny(text, "*?") {
		b.WriteString(`:.*`)
	}
	return regexp.MustCompile(`^(?s:` + b.String() + `)$`), nil
}

func referenceCondition(context map[string][]string, name, key string, wants []string, variables bool) bool {
	have := context[key]
	if name == "Null" {
		return slices.Contains(wants, strconv.FormatBool(len(have) == 0))
	}
	set, operator, ok := strings.Cut(name, ":")
	if !ok {
		set, operator = "", name
	}
	operator, ifExists := strings.CutSuffix(operator, "IfExists")
	positive := strings.Replace(operator, "Not", "", 1)
	negated := positive != operator

	// equal says whether a value of the request equals one of the policy's.
	holds := func(value string) bool {
		equal := false
		for _, want := range wants {
			ok, err := referenceCompare(context, positive, value, want, variables)
			if err != nil && negated && !equal && !ifExists {
				return false
			}
			equal = equal || ok
		}
		return equal != negated
	}
	switch {
	case set == "ForAllValues" && (len(have) == 0 || slices.Equal(have, []string{""})):
		return true
	case set == "ForAllValues":
		for _, v := range have {
			if !holds(v) {
				return false
			}
		}
		return true
	case set == "ForAnyValue" && len(have) == 0:
		return ifExists
	case set == "ForAnyValue":
		return slices.ContainsFunc(have, holds)
	case len(have) == 0:
		return ifExists || negated
	case negated:
		for _, v := range have {
			if !holds(v) {
				return false
			}
		}
		return true
	default:
		return slices.ContainsFunc(have, holds)
	}
}
