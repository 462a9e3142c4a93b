package cloudformation

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	awssecretsmanager "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	secrettypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

// secrets has values by secret, and by secret and label or version.
type secrets map[string]string

func (s secrets) GetSecretValue(_ context.Context, in *awssecretsmanager.GetSecretValueInput) (*awssecretsmanager.GetSecretValueOutput, error) {
	v, ok := s[*in.SecretId+aws.ToString(in.VersionStage)+aws.ToString(in.VersionId)]
	if !ok {
		return nil, &secrettypes.ResourceNotFoundException{Message: aws.String("Secrets Manager can't find the specified secret.")}
	}
	return &awssecretsmanager.GetSecretValueOutput{SecretString: &v}, nil
}

const storedARN = "arn:aws:secretsmanager:us-east-1:000000000000:secret:s-AbCdEf"

func newReferenceBench(t *testing.T) *bench {
	b := newBench(t)
	b.deps.Parameters = parameters{"/h/p": "pv", "/h/p:1": "old", "list": "a, b", "secure/hidden": "h", "A-1": "named"}
	b.deps.Secrets = secrets{
		"s": `{"user": "u", "port": 5432, "a": {"b": 1}}`, "plain": "text", storedARN: `{"user": "arn"}`,
		"sAWSPREVIOUS": `{"user": "before"}`, "sv1": `{"user": "first"}`,
	}
	return b
}

func valued(value string) string {
	return "Parameters: {Name: {Type: String, Default: p}}\nResources: {A: {Type: 'Test::Thing', Properties: {Value: " + value + "}}}\n"
}

func TestDynamicReferences(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		`"{{resolve:ssm:/h/p}}"`:   "pv",
		`"{{resolve:ssm:/h/p:1}}"`: "old",
		`"<{{resolve:ssm:/h/p}}|{{resolve:ssm:/h/p:1}}|{{resolve:ssm:/h/p}}>"`: "<pv|old|pv>",
		`!Sub "{{resolve:ssm:/h/${Name}}}!"`:                                   "pv!",
		`!Join ["", ["{{resolve:ssm:/h/", !Ref Name, "}}"]]`:                   "pv",
		`!Select [1, !Split [", ", "{{resolve:ssm:list}}"]]`:                   "b",
		`"{{resolve:secretsmanager:plain}}"`:                                   "text",
		`"{{resolve:secretsmanager:plain:SecretString}}"`:                      "text",
		`"{{resolve:secretsmanager:s:SecretString:user}}"`:                     "u",
		`"{{resolve:secretsmanager:s:SecretString:user::}}"`:                   "u",
		`"{{resolve:secretsmanager:s:SecretString:port}}"`:                     "5432",
		`"{{resolve:secretsmanager:s:SecretString:a}}"`:                        `{"b": 1}`,
		`"{{resolve:secretsmanager:s:SecretString:user:AWSPREVIOUS}}"`:         "before",
		`"{{resolve:secretsmanager:s:SecretString:user::v1}}"`:                 "first",
		`"{{resolve:secretsmanager:` + storedARN + `:SecretString:user}}"`:     "arn",
		`"{{resolve:secretsmanager:plain}}/{{resolve:ssm:/h/p}}"`:              "text/pv",
	} {
		b := newReferenceBench(t)
		st := b.create("one", valued(value))
		if got := strings.Join(b.world.contents(), " "); st.StackStatus != types.StackStatusCreateComplete || got != "A="+want {
			t.Errorf("%s: %s with %s, want %s", value, st.StackStatus, got, want)
		}
	}
}

// What is wrong with a reference to a parameter is refused before anything is
// created; a secret is read when the resource is created.
func TestDynamicReferencesThatFail(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		`"{{resolve:ssm:/no}}{{resolve:ssm:/h/p:9}}"`:                           "Unable to fetch parameters [/h/p:9,/no] from parameter store for this account.",
		`"{{resolve:ssm:/h/p:live}}"`:                                           "Incorrect format is used in the following SSM reference: [{{resolve:ssm:/h/p:live}}]",
		`"{{resolve:ssm:/h/p:}}"`:                                               "Incorrect format is used in the following SSM reference: [{{resolve:ssm:/h/p:}}]",
		`"{{resolve:ssm:secure/hidden}}"`:                                       "Non-secure ssm prefix was used for secure parameter secure/hidden",
		`"{{resolve:ssm-secure:secure/hidden:1}}"`:                              "SSM Secure reference is not supported in: [Test::Thing/Properties/Value]",
		`{X: {Y: "{{resolve:ssm-secure:a}}"}, Z: ["{{resolve:ssm-secure:a}}"]}`: "SSM Secure reference is not supported in: [Test::Thing/Properties/Value/X/Y,Test::Thing/Properties/Value/Z]",
		`"{{resolve:ssm-secure:secure/hidden:live}}"`:                           "Incorrect format is used in the following SSM reference: [{{resolve:ssm-secure:secure/hidden:live}}]",
		`"{{resolve:secretsmanager:s:SecretBinary}}"`:                           "Template error: a reference to a secret has the form {{resolve:secretsmanager:secret-id:SecretString:json-key:version-stage:version-id}}, not {{resolve:secretsmanager:s:SecretBinary}}",
		`x}}, B: {Type: 'Test::Stone', Condition: C, Properties: {Value: x`:     "Template format error: Unresolved condition dependency C in the Resources block of the template",
		`!FindInMap [!Ref Name, a, b]`:                                          "Template error: Mapping named 'p' is not present in the 'Mappings' section of template.",
	} {
		b := newReferenceBench(t)
		for operation, do := range map[string]func() error{
			"CreateStack": func() error {
				_, err := b.CreateStack(t.Context(), &awscfn.CreateStackInput{StackName: aws.String("one"), TemplateBody: aws.String(valued(value))})
				return err
			},
			"CreateChangeSet": func() error {
				_, err := b.CreateChangeSet(t.Context(), &awscfn.CreateChangeSetInput{
					StackName: aws.String("one"), ChangeSetName: aws.String("c"), ChangeSetType: types.ChangeSetTypeCreate, TemplateBody: aws.String(valued(value)),
				})
				return err
			},
		} {
			if err := do(); err == nil || message(err) != want {
				t.Errorf("%s %s:\ngot  %v\nwant %s", operation, value, err, want)
			}
		}
		if b.existing("one") != nil {
			t.Errorf("%s: a refused request left a stack", value)
		}
	}
	for value, want := range map[string]string{
		`"{{resolve:secretsmanager:none}}"`:                                                                   "Secrets Manager can't find the specified secret. (Service: AWSSecretsManager; Status Code: 400; Error Code: ResourceNotFoundException; Request ID: ",
		`"{{resolve:secretsmanager:s:SecretString:password}}"`:                                                "Could not find a value associated with JSONKey in SecretString",
		`"{{resolve:secretsmanager:plain:SecretString:user}}"`:                                                "Could not parse SecretString JSON",
		`!Sub ["{{resolve:ssm:/${T}}}", {T: !Ref B}]}}, B: {Type: 'Test::Thing', Properties: {Value: x`:       "Unable to fetch parameters [/B-1] from parameter store for this account.",
		`!Sub ["{{resolve:ssm-secure:${T}}}", {T: !Ref B}]}}, B: {Type: 'Test::Thing', Properties: {Value: x`: "SSM Secure reference is not supported in: [Test::Thing/Properties/Value]",
	} {
		b := newReferenceBench(t)
		st := b.create("one", valued(value))
		if events := b.events("one", 0); st.StackStatus != types.StackStatusRollbackComplete || !strings.Contains(events, "A  CREATE_FAILED: "+want) {
			t.Errorf("%s: %s\n%s", value, st.StackStatus, events)
		}
	}
}

func TestDynamicReferencesInParameters(t *testing.T) {
	t.Parallel()
	b := newReferenceBench(t)
	body := func(text string) string {
		return "Parameters: {P: {Type: String, Default: '" + text + "'}}\nResources: {A: {Type: 'Test::Thing', Properties: {Value: !Ref P}}}\n" +
			"Conditions: {C: !Equals [!Ref P, old]}\nOutputs: {O: {Value: !If [C, !Ref P, other]}, S: {Value: '{{resolve:secretsmanager:plain}}'}}"
	}
	_, err := b.CreateStack(t.Context(), &awscfn.CreateStackInput{StackName: aws.String("one"), TemplateBody: aws.String(body("{{resolve:ssm:/h/p}}"))})
	if want := "Template error: parameter P should not contain ssm versionless resolver"; err == nil || message(err) != want {
		t.Errorf("got %v, want %s", err, want)
	}
	st := b.create("one", body("{{resolve:ssm:/h/p:1}}"))
	wantStatus(t, st, types.StackStatusCreateComplete, "")
	if got := *st.Outputs[0].OutputValue; got != "old" {
		t.Errorf("the output is %s", got)
	}
	if got := *st.Outputs[1].OutputValue; got != "{{resolve:secretsmanager:plain}}" {
		t.Errorf("an output shows a secret: %s", got)
	}
	if got := *st.Parameters[0].ParameterValue; got != "{{resolve:ssm:/h/p:1}}" {
		t.Errorf("the parameter is shown as %s", got)
	}
}

// The Parameter Store is read at each update. A secret is read again only if
// something else about its resource changes, and no event shows it.
func TestDynamicReferencesInUpdates(t *testing.T) {
	t.Parallel()
	b := newReferenceBench(t)
	body := func(more string) string {
		return "Resources:\n  P: {Type: 'Test::Thing', Properties: {Value: '{{resolve:ssm:/h/p}}'}}\n" +
			"  S: {Type: 'Test::Thing', Properties: {Value: '{{resolve:secretsmanager:plain}}'" + more + "}}\n"
	}
	want := func(things string) {
		t.Helper()
		if got := strings.Join(b.world.contents(), " "); got != things {
			t.Errorf("there are %s, want %s", got, things)
		}
	}
	update := func(text string) error {
		_, err := b.UpdateStack(t.Context(), &awscfn.UpdateStackInput{StackName: aws.String("one"), TemplateBody: &text})
		return err
	}
	wantStatus(t, b.create("one", body("")), types.StackStatusCreateComplete, "")
	want("P=pv S=text")
	if err := update(body("")); err == nil || message(err) != "No updates are to be performed." {
		t.Errorf("nothing has changed: %v", err)
	}
	b.deps.Secrets.(secrets)["plain"] = "text2"
	if err := update(body("")); err == nil || message(err) != "No updates are to be performed." {
		t.Errorf("only a secret has changed: %v", err)
	}
	b.deps.Parameters.(parameters)["/h/p"] = "pv2"
	b.update("one", body(""))
	want("P=pv2 S=text")
	b.update("one", body(", Any: 1"))
	want("P=pv2 S=text2")
	// A rollback brings back what was there, although it is nowhere else now.
	b.deps.Secrets.(secrets)["plain"] = "text3"
	b.deps.Parameters.(parameters)["/h/p"] = "pv3"
	b.world.fail = failOn("create Z")
	st := b.update("one", body(", Any: 2")+"  Z: {Type: 'Test::Stone', DependsOn: [P, S]}\n")
	if st.StackStatus != types.StackStatusUpdateRollbackComplete {
		t.Errorf("stack is %s", st.StackStatus)
	}
	want("P=pv2 S=text2")
	out, err := b.DescribeStackEvents(t.Context(), &awscfn.DescribeStackEventsInput{StackName: aws.String("one")})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range out.StackEvents {
		if strings.Contains(aws.ToString(e.ResourceProperties), "text") {
			t.Errorf("an event shows the secret: %s", *e.ResourceProperties)
		}
	}
}
