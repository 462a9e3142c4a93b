package policy_test

import (
	"errors"
	"testing"

	"github.com/magewright/magewright/tools/localaws/iam/policy"
)

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		kind policy.Kind
		text string
		want string
	}{
		"no JSON":                     {policy.Identity, `{`, "This policy contains invalid Json"},
		"two values":                  {policy.Identity, `{} {}`, "This policy contains invalid Json"},
		"a key twice":                 {policy.Identity, `{"Statement":{"Effect":"Allow","Effect":"Deny","Action":"*","Resource":"*"}}`, "This policy contains invalid Json"},
		"a key in two spellings":      {policy.Identity, statement(`"Condition":{"StringEquals":{"aws:a":"1","AWS:A":"2"}}`), "Syntax errors in policy."},
		"nested deeply":               {policy.Identity, `{"Statement":[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]}`, "This policy contains invalid Json"},
		"a list":                      {policy.Identity, `[]`, "Syntax errors in policy."},
		"no statement":                {policy.Identity, `{"Version":"2012-10-17"}`, "Syntax errors in policy."},
		"an unknown version":          {policy.Identity, `{"Version":"2012-10-18","Statement":` + all + `}`, "The policy must contain a valid version string"},
		"an unknown element":          {policy.Identity, statement(`"Actions":"*"`), "Syntax errors in policy."},
		"an effect in lower case":     {policy.Identity, `{"Statement":{"Effect":"allow","Action":"*","Resource":"*"}}`, "Syntax errors in policy."},
		"no action":                   {policy.Identity, `{"Statement":{"Effect":"Allow","Resource":"*"}}`, "Policy statement must contain actions."},
		"Action and NotAction":        {policy.Identity, statement(`"NotAction":"s3:*"`), "Syntax errors in policy."},
		"an action without a vendor":  {policy.Identity, `{"Statement":{"Effect":"Allow","Action":"GetObject","Resource":"*"}}`, "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."},
		"no resource":                 {policy.Identity, `{"Statement":{"Effect":"Allow","Action":"*"}}`, "Policy statement must contain resources."},
		"a resource that is no ARN":   {policy.Identity, `{"Statement":{"Effect":"Allow","Action":"*","Resource":"bucket"}}`, `Resource bucket must be in ARN format or "*".`},
		"a principal":                 {policy.Identity, statement(`"Principal":"*"`), "Policy document should not specify a principal."},
		"an unknown operator":         {policy.Identity, statement(`"Condition":{"StringMatches":{"aws:a":"b"}}`), "Invalid Condition type : StringMatches."},
		"Null with IfExists":          {policy.Identity, statement(`"Condition":{"NullIfExists":{"aws:a":"true"}}`), "Invalid Condition type : NullIfExists."},
		"a key without a vendor":      {policy.Identity, statement(`"Condition":{"Bool":{"a":"true"}}`), "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."},
		"the same SID twice":          {policy.Identity, `{"Statement":[{"Sid":"A","Effect":"Allow","Action":"*","Resource":"*"},{"Sid":"A","Effect":"Allow","Action":"*","Resource":"*"}]}`, "Statement IDs (SID) in a single policy must be unique."},
		"a SID with a space":          {policy.Identity, statement(`"Sid":"a b"`), "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"},
		"a trust policy of nobody":    {policy.Trust, `{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole"}}`, "Missing required field Principal"},
		"a trust policy's resource":   {policy.Trust, statement(`"Principal":"*"`), "Has prohibited field Resource"},
		"a resource policy of nobody": {policy.Resource, statement(`"Sid":"a b"`), "Missing required field Principal"},
		"an ARN with a wildcard":      {policy.Resource, statement(`"Principal":{"AWS":"arn:aws:iam::111122223333:user/*"}`), `Invalid principal in policy: "AWS":"arn:aws:iam::111122223333:user/*"`},
		"an unknown kind of name":     {policy.Resource, statement(`"Principal":{"Group":"x"}`), `Invalid principal in policy: "Group":"x"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := policy.Parse(tt.text, tt.kind)
			if e, ok := errors.AsType[*policy.SyntaxError](err); !ok || e.Message != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

// statement returns a document with an element in addition to the usual ones.
func statement(element string) string {
	return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"*",` + element + `}}`
}

// TestVersion checks that the first version of the language has no variables.
func TestVersion(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]policy.Result{"2008-10-17": policy.ImplicitDeny, "2012-10-17": policy.Allowed} {
		ps := policy.Policies{Identity: parseAll(t, policy.Identity, `{"Version":"`+version+`","Statement":`+allow("*", "arn:aws:s3:::${aws:username}")+`}`)}
		got := ps.Evaluate(&policy.Request{Principal: ann, Action: "s3:ListBucket", Resource: "arn:aws:s3:::ann", Context: contextOf("aws:username=ann")})
		if got.Result != want {
			t.Errorf("version %s: %+v", version, got)
		}
	}
}

// TestStatements checks that a decision names the statements behind it.
func TestStatements(t *testing.T) {
	t.Parallel()
	p := parseAll(t, policy.Identity, `{"Statement":[`+allow("sns:*", "*")+","+allow("s3:*", "*")+`]}`)[0]
	ps := policy.Policies{Identity: []*policy.Policy{p}}
	d := ps.Evaluate(&policy.Request{Principal: ann, Action: "s3:GetObject", Resource: object})
	if len(d.Statements) != 1 || d.Statements[0].Policy != p || d.Statements[0].Statement != 1 {
		t.Errorf("the statements are %+v", d.Statements)
	}
	if got := p.Statements[1].Text; got != allow("s3:*", "*") {
		t.Errorf("the statement is %s", got)
	}
}

func FuzzParse(f *testing.F) {
	for _, e := range decisions() {
		f.Add(`{"Version":"2012-10-17","Statement":[`+e.identity+e.resource+e.trust+`]}`, object)
	}
	for _, e := range resourceExamples {
		f.Add(`{"Version":"2012-10-17","Statement":`+allow("*", e.pattern)+`}`, e.value)
	}
	for _, e := range conditionExamples {
		f.Add(statement(`"Condition":`+e.condition), "*")
	}
	f.Fuzz(func(t *testing.T, text, target string) {
		for _, kind := range []policy.Kind{policy.Identity, policy.Resource, policy.Trust} {
			p, err := policy.Parse(text, kind)
			if err != nil {
				continue
			}
			ps := policy.Policies{Identity: []*policy.Policy{p}, Resource: p}
			r := &policy.Request{Principal: ci, Action: "s3:GetObject", Resource: target, Context: contextOf("aws:username=ann aws:TagKeys=a|b")}
			d := ps.Evaluate(r)
			if d.Result != policy.Allowed && d.Refusal(r) == "" {
				t.Error("there is no reason for the refusal")
			}
			// A statement's text must say the same as the document.
			for _, s := range p.Statements {
				if _, err := policy.Parse(`{"Version":"2012-10-17","Statement":`+s.Text+`}`, kind); err != nil {
					t.Errorf("the text of a statement is not a statement: %v: %s", err, s.Text)
				}
			}
		}
	})
}

func BenchmarkEvaluate(b *testing.B) {
	p, err := policy.Parse(`{"Version":"2012-10-17","Statement":[`+
		allow("logs:CreateLogStream", "arn:aws:logs:us-east-1:111122223333:log-group:/aws/codebuild/x:*")+","+
		allow("s3:GetObject*", "arn:aws:s3:::artifacts/*")+","+
		`{"Effect":"Allow","Action":["kms:Decrypt","kms:GenerateDataKey"],"Resource":"*","Condition":{"StringEquals":{"kms:ViaService":"s3.us-east-1.amazonaws.com"}}},`+
		`{"Effect":"Deny","Action":"s3:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}`, policy.Identity)
	if err != nil {
		b.Fatal(err)
	}
	ps := policy.Policies{Identity: []*policy.Policy{p}}
	r := &policy.Request{Principal: ci, Action: "s3:GetObject", Resource: "arn:aws:s3:::artifacts/build/1.zip", Context: contextOf("aws:SecureTransport=true")}
	b.ReportAllocs()
	for b.Loop() {
		if ps.Evaluate(r).Result != policy.Allowed {
			b.Fatal("refused")
		}
	}
}
