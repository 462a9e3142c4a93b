package policy_test

import (
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/localaws/iam/policy"
)

// guide is where the pages of the examples are.
const guide = "https://docs.aws.amazon.com/IAM/latest/UserGuide/"

// An example is a request and what AWS documents about it.
type example struct {
	page     string // below guide
	identity string // statements, without the brackets around them
	boundary string
	session  string
	resource string
	trust    string // instead of resource
	key      string // a key policy, instead of resource
	who      policy.Principal
	action   string
	target   string
	account  string // of the resource
	context  string // key=value|value, separated by spaces
	want     string // "" if it is allowed, or the end of AWS's message
}

var (
	ann = policy.Principal{ARN: "arn:aws:iam::111122223333:user/ann", Account: ownAccount}
	bob = policy.Principal{ARN: "arn:aws:iam::111122223333:user/bob", Account: ownAccount}
	ci  = policy.Principal{
		ARN: "arn:aws:sts::111122223333:assumed-role/ci/run-1", Role: "arn:aws:iam::111122223333:role/ci", Account: ownAccount,
	}
	root     = policy.Principal{ARN: "arn:aws:iam::111122223333:root", Account: ownAccount}
	lambda   = policy.Principal{Service: "lambda.amazonaws.com"}
	stranger = policy.Principal{ARN: "arn:aws:iam::444455556666:user/eve", Account: otherAccount}
	anyone   = policy.Principal{}
)

const (
	noIdentity   = "because no identity-based policy allows the"
	noResource   = "because no resource-based policy allows the"
	noBoundary   = "because no permissions boundary allows the"
	noSession    = "because no session policy allows the"
	noTrust      = "because no role trust policy allows the"
	denyIdentity = "with an explicit deny in an identity-based policy"
	denyResource = "with an explicit deny in a resource-based policy"
	denyBoundary = "with an explicit deny in a permissions boundary"
	denySession  = "with an explicit deny in a session policy"
	denyTrust    = "with an explicit deny in the role trust policy"
)

func allow(action, resource string) string {
	return `{"Effect":"Allow","Action":"` + action + `","Resource":"` + resource + `"}`
}

func deny(action string) string {
	return `{"Effect":"Deny","Action":"` + action + `","Resource":"*"}`
}

// names returns a statement of a resource-based policy.
func names(effect, principal string) string {
	return `{"Effect":"` + effect + `","Principal":` + principal + `,"Action":"s3:GetObject","Resource":"*"}`
}

// trusts returns a statement of a trust policy.
func trusts(effect, principal, condition string) string {
	return `{"Effect":"` + effect + `","Principal":` + principal + `,"Action":"sts:AssumeRole"` + condition + `}`
}

// administers returns a statement of a key policy.
func administers(principal string) string {
	return `{"Effect":"Allow","Principal":` + principal + `,"Action":"kms:*","Resource":"*"}`
}

const (
	object  = "arn:aws:s3:::bucket/key"
	all     = `{"Effect":"Allow","Action":"*","Resource":"*"}`
	owner   = `{"AWS":"arn:aws:iam::111122223333:root"}`
	annOnly = `{"AWS":"arn:aws:iam::111122223333:user/ann"}`
	ciRole  = `{"AWS":"arn:aws:iam::111122223333:role/ci"}`
	ciRun   = `{"AWS":"arn:aws:sts::111122223333:assumed-role/ci/run-1"}`
)

// decisions are examples of how policies of different types combine.
func decisions() []example {
	const (
		logic     = "reference_policies_evaluation-logic_policy-eval-denyallow.html"
		basics    = "reference_policies_evaluation-logic_policy-eval-basics.html"
		cross     = "reference_policies_evaluation-logic-cross-account.html"
		limits    = "access_policies_boundaries.html"
		sessions  = "access_policies.html"
		who       = "reference_policies_elements_principal.html"
		notWho    = "reference_policies_elements_notprincipal.html"
		trust     = "troubleshoot_roles.html"
		outside   = "id_roles_common-scenarios_third-party.html"
		messages  = "troubleshoot_access-denied.html"
		notAction = "reference_policies_elements_notaction.html"
		notTarget = "reference_policies_elements_notresource.html"
	)
	get := func(e example) example {
		if e.action == "" {
			e.action, e.target = "s3:GetObject", object
		}
		return e
	}
	assume := func(e example) example {
		e.action, e.target = "sts:AssumeRole", "arn:aws:iam::111122223333:role/target"
		return e
	}
	use := func(e example) example {
		e.action, e.target = "kms:Decrypt", "arn:aws:kms:us-east-1:111122223333:key/1"
		return e
	}
	examples := []example{
		{page: logic, who: ann, want: noIdentity},
		{page: logic, who: root},
		{page: logic, who: ann, identity: all},
		{page: logic, who: ann, identity: all + "," + deny("s3:*"), want: denyIdentity},
		{page: logic, who: ann, identity: all, resource: names("Deny", `"*"`), want: denyResource},
		{page: logic, who: root, resource: names("Deny", `"*"`), want: denyResource},
		{page: logic, who: ann, identity: all, boundary: deny("s3:*"), want: denyBoundary},
		{page: logic, who: ci, identity: all, session: deny("s3:*"), want: denySession},
		{page: logic, who: ann, identity: deny("s3:*"), resource: names("Allow", annOnly), want: denyIdentity},
		{page: basics, who: ann, resource: names("Allow", annOnly)},
		{page: basics, who: bob, resource: names("Allow", annOnly), want: noIdentity},
		{page: basics, who: bob, identity: all, resource: names("Allow", annOnly)},
		{page: basics, who: ci, resource: names("Allow", ciRole)},
		{page: basics, who: ci, resource: names("Allow", ciRun)},
		{page: basics, who: ci, identity: all, resource: names("Allow", ciRole)},
		{page: cross, who: stranger, account: ownAccount, identity: all, want: noResource},
		{page: cross, who: stranger, account: ownAccount, resource: names("Allow", `{"AWS":"444455556666"}`), want: noIdentity},
		{page: cross, who: stranger, account: ownAccount, identity: all, resource: names("Allow", `{"AWS":"444455556666"}`)},
		{page: cross, who: stranger, account: ownAccount, identity: all, resource: names("Allow", `{"AWS":"arn:aws:iam::444455556666:user/eve"}`)},
		{page: cross, who: stranger, account: ownAccount, resource: names("Allow", `{"AWS":"arn:aws:iam::444455556666:user/eve"}`), want: noIdentity},
		{page: cross, who: stranger, account: ownAccount, identity: all, boundary: allow("sns:*", "*"), resource: names("Allow", `"*"`), want: noBoundary},
		{page: limits, who: ann, identity: allow("iam:CreateUser", "*"), boundary: allow("s3:*", "*"), action: "iam:CreateUser", target: "arn:aws:iam::111122223333:user/new", want: noBoundary},
		{page: limits, who: ann, boundary: allow("s3:*", "*"), want: noIdentity},
		{page: limits, who: ann, identity: allow("s3:*", "*"), boundary: allow("s3:*", "*")},
		{page: limits, who: ann, boundary: allow("sns:*", "*"), resource: names("Allow", annOnly)},
		{page: limits, who: ci, boundary: allow("sns:*", "*"), resource: names("Allow", ciRole), want: noBoundary},
		{page: limits, who: ci, boundary: allow("sns:*", "*"), resource: names("Allow", ciRun)},
		{page: limits, who: ci, boundary: allow("s3:*", "*"), resource: names("Allow", ciRole)},
		{page: limits, who: ann, boundary: deny("s3:*"), resource: names("Allow", annOnly), want: denyBoundary},
		{page: sessions, who: ci, identity: all, session: allow("sns:*", "*"), want: noSession},
		{page: sessions, who: ci, identity: all, session: allow("s3:*", "*")},
		{page: sessions, who: ci, identity: allow("sns:*", "*"), session: all, want: noIdentity},
		{page: sessions, who: ci, session: allow("sns:*", "*"), resource: names("Allow", ciRole), want: noSession},
		{page: sessions, who: ci, session: allow("s3:*", "*"), resource: names("Allow", ciRole)},
		{page: sessions, who: ci, session: allow("sns:*", "*"), resource: names("Allow", ciRun)},
		{page: who, who: ann, resource: names("Allow", `"*"`)},
		{page: who, who: anyone, resource: names("Allow", `"*"`)},
		{page: who, who: anyone, resource: names("Allow", `{"AWS":"*"}`)},
		{page: who, who: anyone, resource: names("Allow", owner), want: noResource},
		{page: who, who: ann, resource: names("Allow", owner), want: noIdentity},
		{page: who, who: ann, resource: names("Allow", `{"AWS":"111122223333"}`), want: noIdentity},
		{page: who, who: ann, identity: all, resource: names("Allow", `{"AWS":"111122223333"}`)},
		{page: who, who: ann, identity: all, resource: names("Deny", `{"AWS":"111122223333"}`), want: denyResource},
		{page: who, who: ci, identity: all, resource: names("Deny", owner), want: denyResource},
		{page: who, who: ci, identity: all, resource: names("Deny", ciRole), want: denyResource},
		{page: who, who: lambda, resource: names("Allow", `{"Service":"lambda.amazonaws.com"}`)},
		{page: who, who: lambda, resource: names("Allow", `{"Service":["sns.amazonaws.com","lambda.amazonaws.com"]}`)},
		{page: who, who: lambda, resource: names("Allow", `{"Service":"sns.amazonaws.com"}`), want: noResource},
		{page: who, who: lambda, resource: names("Allow", annOnly), want: noResource},
		{page: who, who: ann, resource: names("Allow", `{"Service":"lambda.amazonaws.com"}`), want: noIdentity},
		{page: who, who: ann, resource: names("Allow", `{"AWS":["arn:aws:iam::111122223333:user/bob","arn:aws:iam::111122223333:user/ann"]}`)},
		{page: who, who: ann, resource: names("Allow", `{"AWS":"arn:aws:iam::111122223333:user/ANN"}`), want: noIdentity},
		{page: notWho, who: ann, identity: all, resource: notNames(`{"AWS":["arn:aws:iam::111122223333:user/ann","arn:aws:iam::111122223333:root"]}`)},
		{page: notWho, who: bob, identity: all, resource: notNames(`{"AWS":["arn:aws:iam::111122223333:user/ann","arn:aws:iam::111122223333:root"]}`), want: denyResource},
		{page: notWho, who: ann, identity: all, resource: notNames(annOnly), want: denyResource},
		{page: notWho, who: ci, identity: all, resource: notNames(`{"AWS":["arn:aws:iam::111122223333:root","arn:aws:iam::111122223333:role/ci","arn:aws:sts::111122223333:assumed-role/ci/run-1"]}`)},
		{page: notWho, who: ci, identity: all, resource: notNames(`{"AWS":["arn:aws:iam::111122223333:root","arn:aws:iam::111122223333:role/ci"]}`), want: denyResource},
		{page: notWho, who: ann, identity: all, boundary: all, resource: notNames(`{"AWS":["arn:aws:iam::111122223333:user/ann","arn:aws:iam::111122223333:root"]}`), want: denyResource},
		{page: notAction, who: ann, identity: `{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}`},
		{page: notAction, who: ann, identity: `{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}`, action: "iam:GetRole", target: "arn:aws:iam::111122223333:role/ci", want: noIdentity},
		{page: notAction, who: ann, identity: `{"Effect":"Allow","NotAction":"s3:DeleteBucket","Resource":"arn:aws:s3:::*"}`},
		{page: notAction, who: ann, identity: `{"Effect":"Allow","NotAction":"s3:DeleteBucket","Resource":"arn:aws:s3:::*"}`, action: "s3:DeleteBucket", target: "arn:aws:s3:::bucket", want: noIdentity},
		{page: notAction, who: ann, identity: all + `,{"Effect":"Deny","NotAction":["iam:*","sts:*"],"Resource":"*"}`, want: denyIdentity},
		{page: notAction, who: ann, identity: all + `,{"Effect":"Deny","NotAction":["iam:*","sts:*"],"Resource":"*"}`, action: "iam:GetRole", target: "arn:aws:iam::111122223333:role/ci"},
		{page: notTarget, who: ann, identity: all + `,{"Effect":"Deny","Action":"s3:*","NotResource":["arn:aws:s3:::HRBucket/Payroll","arn:aws:s3:::HRBucket/Payroll/*"]}`, want: denyIdentity},
		{page: notTarget, who: ann, identity: all + `,{"Effect":"Deny","Action":"s3:*","NotResource":["arn:aws:s3:::HRBucket/Payroll","arn:aws:s3:::HRBucket/Payroll/*"]}`, action: "s3:GetObject", target: "arn:aws:s3:::HRBucket/Payroll/may"},
		{page: messages, who: ann, identity: allow("s3:PutObject", "*"), want: "User: arn:aws:iam::111122223333:user/ann is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::bucket/key because no identity-based policy allows the s3:GetObject action"},
		{page: messages, who: ann, action: "codecommit:ListRepositories", target: "*", want: "User: arn:aws:iam::111122223333:user/ann is not authorized to perform: codecommit:ListRepositories because no identity-based policy allows the codecommit:ListRepositories action"},
	}
	for i := range examples {
		examples[i] = get(examples[i])
	}
	trustExamples := []example{
		{page: trust, who: ann, trust: trusts("Allow", annOnly, "")},
		{page: trust, who: bob, trust: trusts("Allow", annOnly, ""), want: noTrust},
		{page: trust, who: bob, identity: all, trust: trusts("Allow", annOnly, ""), want: noTrust},
		{page: trust, who: ann, trust: trusts("Allow", owner, ""), want: noIdentity},
		{page: trust, who: ann, identity: all, trust: trusts("Allow", owner, "")},
		{page: trust, who: ci, trust: trusts("Allow", ciRole, "")},
		{page: trust, who: ann, identity: all, trust: trusts("Allow", owner, "") + "," + trusts("Deny", annOnly, ""), want: denyTrust},
		{page: trust, who: ann, identity: deny("sts:*"), trust: trusts("Allow", annOnly, ""), want: denyIdentity},
		{page: trust, who: lambda, trust: trusts("Allow", `{"Service":"lambda.amazonaws.com"}`, "")},
		{page: trust, who: lambda, trust: trusts("Allow", `{"Service":"codebuild.amazonaws.com"}`, ""), want: noTrust},
		{page: messages, who: ann, identity: all, trust: trusts("Allow", ciRole, ""), want: "User: arn:aws:iam::111122223333:user/ann is not authorized to perform: sts:AssumeRole because no role trust policy allows the sts:AssumeRole action"},
		{page: outside, who: stranger, account: ownAccount, identity: all, trust: trusts("Allow", `{"AWS":"444455556666"}`, externalID), context: "sts:ExternalId=12345"},
		{page: outside, who: stranger, account: ownAccount, identity: all, trust: trusts("Allow", `{"AWS":"444455556666"}`, externalID), context: "sts:ExternalId=54321", want: noTrust},
		{page: outside, who: stranger, account: ownAccount, identity: all, trust: trusts("Allow", `{"AWS":"444455556666"}`, externalID), want: noTrust},
	}
	for _, e := range trustExamples {
		examples = append(examples, assume(e))
	}
	// https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
	const keys = "../../../kms/latest/developerguide/key-policy-default.html"
	keyExamples := []example{
		{page: keys, who: ann, identity: all, key: administers(owner)},
		{page: keys, who: ann, key: administers(owner), want: noIdentity},
		{page: keys, who: ann, key: administers(annOnly)},
		{page: keys, who: bob, identity: all, key: administers(annOnly), want: noResource},
		{page: keys, who: root, key: administers(annOnly), want: noResource},
		{page: keys, who: ci, key: administers(ciRole)},
		{page: keys, who: lambda, key: administers(`{"Service":"lambda.amazonaws.com"}`)},
	}
	for _, e := range keyExamples {
		examples = append(examples, use(e))
	}
	return examples
}

const externalID = `,"Condition":{"StringEquals":{"sts:ExternalId":"12345"}}`

// notNames returns a statement that denies everyone but some principals.
func notNames(principals string) string {
	return `{"Effect":"Deny","NotPrincipal":` + principals + `,"Action":"s3:*","Resource":"*"}`
}

// A patternExample is an action or a resource that a pattern matches or not.
type patternExample struct {
	page, pattern, value string
	want                 bool
	context              string
}

const (
	actionPage   = "reference_policies_elements_action.html"
	resourcePage = "reference_policies_elements_resource.html"
	variablePage = "reference_policies_variables.html"
)

var actionExamples = []patternExample{
	{actionPage, "ec2:StartInstances", "ec2:StartInstances", true, ""},
	{actionPage, "ec2:StartInstances", "ec2:StopInstances", false, ""},
	{actionPage, "iam:ListAccessKeys", "IAM:listaccesskeys", true, ""},
	{actionPage, "IAM:LISTACCESSKEYS", "iam:ListAccessKeys", true, ""},
	{actionPage, "s3:*", "s3:GetObject", true, ""},
	{actionPage, "s3:*", "s3express:CreateSession", false, ""},
	{actionPage, "iam:*AccessKey*", "iam:CreateAccessKey", true, ""},
	{actionPage, "iam:*AccessKey*", "iam:ListAccessKeys", true, ""},
	{actionPage, "iam:*AccessKey*", "iam:CreateUser", false, ""},
	{actionPage, "sqs:*", "sqs:SendMessage", true, ""},
	{actionPage, "*", "sns:Publish", true, ""},
	{actionPage, "s3:Get?bject", "s3:GetObject", true, ""},
	{actionPage, "s3:Get?bject", "s3:GetOObject", false, ""},
}

var resourceExamples = []patternExample{
	{resourcePage, "arn:aws:sqs:us-east-2:111122223333:queue1", "arn:aws:sqs:us-east-2:111122223333:queue1", true, ""},
	{resourcePage, "arn:aws:sqs:us-east-2:111122223333:queue1", "arn:aws:sqs:us-east-2:111122223333:queue2", false, ""},
	{resourcePage, "arn:aws:iam::111122223333:user/Bob", "arn:aws:iam::111122223333:user/bob", false, ""},
	{resourcePage, "arn:aws:iam::111122223333:user/accounting/*", "arn:aws:iam::111122223333:user/accounting/a/b", true, ""},
	{resourcePage, "arn:aws:s3:::amzn-s3-demo-bucket/*", "arn:aws:s3:::amzn-s3-demo-bucket/a/b", true, ""},
	{resourcePage, "arn:aws:s3:::amzn-s3-demo-bucket/*", "arn:aws:s3:::amzn-s3-demo-bucket", false, ""},
	{resourcePage, "arn:aws:s3:::amzn-s3-demo-bucket/*/test/*", "arn:aws:s3:::amzn-s3-demo-bucket/1/test/object.jpg", true, ""},
	{resourcePage, "arn:aws:s3:::amzn-s3-demo-bucket/*/test/*", "arn:aws:s3:::amzn-s3-demo-bucket/1/2/test/3/object.jpg", true, ""},
	{resourcePage, "arn:aws:s3:::amzn-s3-demo-bucket/*/test/*", "arn:aws:s3:::amzn-s3-demo-bucket/1/2/3/test/4/object.jpg", true, ""},
	{resourcePage, "arn:aws:s3:::amzn-s3-demo-bucket/*/test/*", "arn:aws:s3:::amzn-s3-demo-bucket/1///test///object.jpg", true, ""},
	{resourcePage, "arn:aws:s3:::amzn-s3-demo-bucket/*/test/*", "arn:aws:s3:::amzn-s3-demo-bucket/1/test/.jpg", true, ""},
	{resourcePage, "arn:aws:s3:::amzn-s3-demo-bucket/*/test/*", "arn:aws:s3:::amzn-s3-demo-bucket//test/object.jpg", true, ""},
	{resourcePage, "arn:aws:s3:::amzn-s3-demo-bucket/*/test/*", "arn:aws:s3:::amzn-s3-demo-bucket/1/test/", true, ""},
	{resourcePage, "arn:aws:s3:::amzn-s3-demo-bucket/*/test/*", "arn:aws:s3:::amzn-s3-demo-bucket/1-test/object.jpg", false, ""},
	{resourcePage, "arn:aws:s3:::amzn-s3-demo-bucket/*/test/*", "arn:aws:s3:::amzn-s3-demo-bucket/test/object.jpg", false, ""},
	{resourcePage, "arn:aws:s3:::amzn-s3-demo-bucket/*/test/*", "arn:aws:s3:::amzn-s3-demo-bucket/1/2/test.jpg", false, ""},
	{resourcePage, "arn:aws:sns:us-*-1:111122223333:topic", "arn:aws:sns:us-east-1:111122223333:topic", true, ""},
	{resourcePage, "arn:aws:sns:us-*-1:111122223333:topic", "arn:aws:sns:us-east-2:111122223333:topic", false, ""},
	{resourcePage, "arn:aws:sns:*t-1:111122223333:topic", "arn:aws:sns:x:eas:t-1:111122223333:topic", false, ""},
	{resourcePage, "arn:aws:dynamodb:*:table/prod-*", "arn:aws:dynamodb:us-east-1:111122223333:table/prod-x", true, ""},
	{resourcePage, "arn:aws:dynamodb:*:table/prod-*", "arn:aws:dynamodb:us-east-1:111122223333:table/dev-x", false, ""},
	{resourcePage, "arn:aws:lambda:us-east-1:111122223333:function:*", "arn:aws:lambda:us-east-1:111122223333:function:f:live", true, ""},
	{resourcePage, "arn:aws:sqs", "arn:aws:sqs:us-east-2:111122223333:queue1", true, ""},
	{resourcePage, "arn:aws:sqs:us-east-2", "arn:aws:sqs:us-west-2:111122223333:queue1", false, ""},
	{resourcePage, "arn:aws:s3:::*", "*", false, ""},
	{resourcePage, "*", "*", true, ""},
	{variablePage, "arn:aws:s3:::bucket/${aws:username}/*", "arn:aws:s3:::bucket/ann/x", true, "aws:username=ann"},
	{variablePage, "arn:aws:s3:::bucket/${AWS:UserName}/*", "arn:aws:s3:::bucket/ann/x", true, "aws:username=ann"},
	{variablePage, "arn:aws:s3:::bucket/${aws:username}/*", "arn:aws:s3:::bucket/bob/x", false, "aws:username=ann"},
	{variablePage, "arn:aws:s3:::bucket/${aws:username}/*", "arn:aws:s3:::bucket/bob/x", false, "aws:username=*"},
	{variablePage, "arn:aws:s3:::bucket/${aws:username}/*", "arn:aws:s3:::bucket//x", false, ""},
	{variablePage, "arn:aws:s3:::bucket/${aws:PrincipalTag/team, 'company-wide'}", "arn:aws:s3:::bucket/company-wide", true, ""},
	{variablePage, "arn:aws:s3:::bucket/${aws:PrincipalTag/team, 'company-wide'}", "arn:aws:s3:::bucket/yellow", true, "aws:PrincipalTag/team=yellow"},
	{variablePage, "arn:aws:s3:::bucket/${aws:PrincipalTag/team, 'company-wide'}", "arn:aws:s3:::bucket/company-wide", false, "aws:PrincipalTag/team=yellow"},
	{variablePage, "arn:aws:s3:::bucket/${aws:TagKeys}", "arn:aws:s3:::bucket/a", false, "aws:TagKeys=a|b"},
	{variablePage, "arn:aws:s3:::bucket/${*}", "arn:aws:s3:::bucket/*", true, ""},
	{variablePage, "arn:aws:s3:::bucket/${*}", "arn:aws:s3:::bucket/x", false, ""},
	{variablePage, "arn:aws:s3:::bucket/${?}", "arn:aws:s3:::bucket/x", false, ""},
	{variablePage, "arn:aws:s3:::bucket/${$}{x}", "arn:aws:s3:::bucket/${x}", true, ""},
}

// A conditionExample is a Condition element and whether a context meets it.
type conditionExample struct {
	page, condition, context string
	want                     bool
}

const (
	operatorPage = "reference_policies_elements_condition_operators.html"
	multiPage    = "reference_policies_condition-single-vs-multi-valued-context-keys.html"
	logicPage    = "reference_policies_condition-logic-multiple-context-keys-or-values.html"
)

var conditionExamples = []conditionExample{
	{operatorPage, `{"StringEquals":{"aws:PrincipalTag/job-category":"iamuser-admin"}}`, "aws:PrincipalTag/job-category=iamuser-admin", true},
	{operatorPage, `{"StringEquals":{"aws:PrincipalTag/job-category":"iamuser-admin"}}`, "AWS:principaltag/JOB-category=iamuser-admin", true},
	{operatorPage, `{"StringEquals":{"aws:PrincipalTag/job-category":"iamuser-admin"}}`, "aws:PrincipalTag/job-category=IamUser-Admin", false},
	{operatorPage, `{"StringEquals":{"aws:PrincipalTag/job-category":"iamuser-admin"}}`, "", false},
	{operatorPage, `{"StringEquals":{"aws:PrincipalTag/x":"a*"}}`, "aws:PrincipalTag/x=ab", false},
	{operatorPage, `{"StringNotEquals":{"aws:PrincipalTag/x":"a"}}`, "aws:PrincipalTag/x=b", true},
	{operatorPage, `{"StringNotEquals":{"aws:PrincipalTag/x":"a"}}`, "aws:PrincipalTag/x=a", false},
	{operatorPage, `{"StringNotEquals":{"aws:PrincipalTag/x":"a"}}`, "", true},
	{operatorPage, `{"StringEqualsIgnoreCase":{"aws:PrincipalTag/x":"ABC"}}`, "aws:PrincipalTag/x=abc", true},
	{operatorPage, `{"StringNotEqualsIgnoreCase":{"aws:PrincipalTag/x":"ABC"}}`, "aws:PrincipalTag/x=abc", false},
	{operatorPage, `{"StringLike":{"s3:prefix":["","home/","home/${aws:username}/*"]}}`, "s3:prefix=home/ann/x aws:username=ann", true},
	{operatorPage, `{"StringLike":{"s3:prefix":["","home/","home/${aws:username}/*"]}}`, "s3:prefix=home/bob/x aws:username=ann", false},
	{operatorPage, `{"StringLike":{"s3:prefix":["","home/","home/${aws:username}/*"]}}`, "s3:prefix= aws:username=ann", true},
	{operatorPage, `{"StringLike":{"s3:prefix":"h?me"}}`, "s3:prefix=home", true},
	{operatorPage, `{"StringNotLike":{"s3:prefix":"home/*"}}`, "s3:prefix=tmp/x", true},
	{operatorPage, `{"StringNotLike":{"s3:prefix":"home/*"}}`, "s3:prefix=home/x", false},
	{operatorPage, `{"NumericLessThanEquals":{"s3:max-keys":"10"}}`, "s3:max-keys=10", true},
	{operatorPage, `{"NumericLessThanEquals":{"s3:max-keys":"10"}}`, "s3:max-keys=11", false},
	{operatorPage, `{"NumericLessThanEquals":{"s3:max-keys":10}}`, "s3:max-keys=9", true},
	{operatorPage, `{"NumericLessThan":{"s3:max-keys":"10"}}`, "s3:max-keys=10", false},
	{operatorPage, `{"NumericGreaterThan":{"s3:max-keys":"10"}}`, "s3:max-keys=10.5", true},
	{operatorPage, `{"NumericGreaterThanEquals":{"s3:max-keys":"10"}}`, "s3:max-keys=10", true},
	{operatorPage, `{"NumericEquals":{"s3:max-keys":"10"}}`, "s3:max-keys=10.0", true},
	{operatorPage, `{"NumericNotEquals":{"s3:max-keys":"10"}}`, "s3:max-keys=10", false},
	{operatorPage, `{"NumericEquals":{"s3:max-keys":"10"}}`, "", false},
	{operatorPage, `{"DateGreaterThan":{"aws:TokenIssueTime":"2020-01-01T00:00:01Z"}}`, "aws:TokenIssueTime=2026-01-01T00:00:00Z", true},
	{operatorPage, `{"DateGreaterThan":{"aws:TokenIssueTime":"2020-01-01T00:00:01Z"}}`, "aws:TokenIssueTime=2019-01-01T00:00:00Z", false},
	{operatorPage, `{"DateGreaterThan":{"aws:TokenIssueTime":"2020-01-01T00:00:01Z"}}`, "", false},
	{operatorPage, `{"DateLessThan":{"aws:CurrentTime":"2026-07-01T00:00:00Z"}}`, "aws:CurrentTime=2026-06-30T23:59:59Z", true},
	{operatorPage, `{"DateLessThanEquals":{"aws:EpochTime":"1767225600"}}`, "aws:EpochTime=1767225600", true},
	{operatorPage, `{"DateEquals":{"aws:CurrentTime":"1767225600"}}`, "aws:CurrentTime=2026-01-01T00:00:00Z", true},
	{operatorPage, `{"DateNotEquals":{"aws:CurrentTime":"2026-01-01"}}`, "aws:CurrentTime=2026-01-01T00:00:00Z", false},
	{operatorPage, `{"DateGreaterThanEquals":{"aws:CurrentTime":"2026-01-01T01:00:00+01:00"}}`, "aws:CurrentTime=2026-01-01T00:00:00Z", true},
	{operatorPage, `{"Bool":{"aws:SecureTransport":"true"}}`, "aws:SecureTransport=true", true},
	{operatorPage, `{"Bool":{"aws:SecureTransport":true}}`, "aws:SecureTransport=true", true},
	{operatorPage, `{"Bool":{"aws:SecureTransport":"false"}}`, "aws:SecureTransport=true", false},
	{operatorPage, `{"Bool":{"aws:SecureTransport":"false"}}`, "", false},
	{operatorPage, `{"BinaryEquals":{"example:tag":"YmluYXJ5"}}`, "example:tag=YmluYXJ5", true},
	{operatorPage, `{"BinaryEquals":{"example:tag":"YmluYXJ5"}}`, "example:tag=YmluYXI=", false},
	{operatorPage, `{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}`, "aws:SourceIp=203.0.113.7", true},
	{operatorPage, `{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}`, "aws:SourceIp=203.0.114.7", false},
	{operatorPage, `{"IpAddress":{"aws:SourceIp":"203.0.113.7"}}`, "aws:SourceIp=203.0.113.7", true},
	{operatorPage, `{"IpAddress":{"aws:SourceIp":"2001:DB8:1234:5678::/64"}}`, "aws:SourceIp=2001:db8:1234:5678::1", true},
	{operatorPage, `{"NotIpAddress":{"aws:SourceIp":["203.0.113.0/24","2001:DB8:1234:5678::/64"]}}`, "aws:SourceIp=203.0.113.7", false},
	{operatorPage, `{"NotIpAddress":{"aws:SourceIp":["203.0.113.0/24","2001:DB8:1234:5678::/64"]}}`, "aws:SourceIp=198.51.100.1", true},
	{operatorPage, `{"ArnEquals":{"aws:SourceArn":"arn:aws:sns:*:111122223333:topic-*"}}`, "aws:SourceArn=arn:aws:sns:us-east-1:111122223333:topic-a", true},
	{operatorPage, `{"ArnEquals":{"aws:SourceArn":"arn:aws:sns:*:111122223333:topic-*"}}`, "aws:SourceArn=arn:aws:sns:us-east-1:444455556666:topic-a", false},
	{operatorPage, `{"ArnLike":{"aws:SourceArn":"arn:aws:lambda:us-east-1:111122223333:function:*"}}`, "aws:SourceArn=arn:aws:lambda:us-east-1:111122223333:function:f:1", true},
	{operatorPage, `{"ArnLike":{"aws:SourceArn":"arn:aws:*:topic"}}`, "aws:SourceArn=arn:aws:sns:us-east-1:111122223333:topic", false},
	{operatorPage, `{"ArnLike":{"aws:SourceArn":"*"}}`, "aws:SourceArn=arn:aws:sns:us-east-1:111122223333:topic", true},
	{operatorPage, `{"ArnLike":{"aws:SourceArn":"*"}}`, "aws:SourceArn=topic", false},
	{operatorPage, `{"ArnLike":{"aws:SourceArn":"arn:aws:sns:us-east-1:${aws:PrincipalAccount}:*"}}`, "aws:SourceArn=arn:aws:sns:us-east-1:111122223333:topic aws:PrincipalAccount=111122223333", true},
	{operatorPage, `{"ArnNotEquals":{"aws:PrincipalArn":"arn:aws:iam::111122223333:role/ci"}}`, "aws:PrincipalArn=arn:aws:iam::111122223333:role/ci", false},
	{operatorPage, `{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::111122223333:role/*"}}`, "aws:PrincipalArn=arn:aws:iam::111122223333:user/ann", true},
	{operatorPage, `{"Null":{"aws:TokenIssueTime":"true"}}`, "", true},
	{operatorPage, `{"Null":{"aws:TokenIssueTime":"true"}}`, "aws:TokenIssueTime=2026-01-01T00:00:00Z", false},
	{operatorPage, `{"Null":{"aws:TokenIssueTime":"false"}}`, "aws:TokenIssueTime=2026-01-01T00:00:00Z", true},
	{operatorPage, `{"Null":{"aws:TokenIssueTime":"false"}}`, "", false},
	{operatorPage, `{"StringLikeIfExists":{"ec2:InstanceType":["t1.*","t2.*","m3.*"]}}`, "ec2:InstanceType=t2.micro", true},
	{operatorPage, `{"StringLikeIfExists":{"ec2:InstanceType":["t1.*","t2.*","m3.*"]}}`, "ec2:InstanceType=c5.large", false},
	{operatorPage, `{"StringLikeIfExists":{"ec2:InstanceType":["t1.*","t2.*","m3.*"]}}`, "", true},
	{operatorPage, `{"BoolIfExists":{"aws:ViaAWSService":"false"}}`, "", true},
	{operatorPage, `{"BoolIfExists":{"aws:ViaAWSService":"false"}}`, "aws:ViaAWSService=true", false},
	{variablePage, `{"StringEquals":{"aws:PrincipalTag/x":"${aws:username}"}}`, "aws:PrincipalTag/x=ann aws:username=ann", true},
	{variablePage, `{"StringEquals":{"aws:PrincipalTag/x":"${aws:username}"}}`, "aws:PrincipalTag/x=ann", false},
	{variablePage, `{"StringNotEquals":{"aws:PrincipalTag/x":"${aws:username}"}}`, "aws:PrincipalTag/x=ann", false},
	{variablePage, `{"StringNotEqualsIfExists":{"aws:PrincipalTag/x":"${aws:username}"}}`, "aws:PrincipalTag/x=ann", true},
	{variablePage, `{"NumericEquals":{"s3:max-keys":"${example:limit}"}}`, "s3:max-keys=1 example:limit=1", false},
	{logicPage, `{"StringEquals":{"aws:PrincipalTag/department":["finance","hr","legal"],"aws:PrincipalTag/role":["audit","security"]}}`, "aws:PrincipalTag/department=hr aws:PrincipalTag/role=audit", true},
	{logicPage, `{"StringEquals":{"aws:PrincipalTag/department":["finance","hr","legal"],"aws:PrincipalTag/role":["audit","security"]}}`, "aws:PrincipalTag/department=hr aws:PrincipalTag/role=pm", false},
	{logicPage, `{"StringEquals":{"aws:PrincipalTag/department":["finance","hr","legal"],"aws:PrincipalTag/role":["audit","security"]}}`, "aws:PrincipalTag/department=hr", false},
	{logicPage, `{"StringNotEquals":{"aws:PrincipalAccount":["111122223333","444455556666"]}}`, "aws:PrincipalAccount=444455556666", false},
	{logicPage, `{"StringNotEquals":{"aws:PrincipalAccount":["111122223333","444455556666"]}}`, "aws:PrincipalAccount=777788889999", true},
	{logicPage, `{"StringEquals":{"aws:PrincipalTag/x":"a"},"Bool":{"aws:SecureTransport":"true"}}`, "aws:PrincipalTag/x=a aws:SecureTransport=false", false},
	{multiPage, `{"ForAllValues:StringEquals":{"aws:TagKeys":["environment","cost-center"]}}`, "aws:TagKeys=environment|cost-center", true},
	{multiPage, `{"ForAllValues:StringEquals":{"aws:TagKeys":["environment","cost-center"]}}`, "aws:TagKeys=environment", true},
	{multiPage, `{"ForAllValues:StringEquals":{"aws:TagKeys":["environment","cost-center"]}}`, "aws:TagKeys=environment|team", false},
	{multiPage, `{"ForAllValues:StringEquals":{"aws:TagKeys":["environment","cost-center"]}}`, "", true},
	{multiPage, `{"ForAllValues:StringEquals":{"aws:TagKeys":["environment","cost-center"]}}`, "aws:TagKeys=", true},
	{multiPage, `{"ForAnyValue:StringEquals":{"aws:TagKeys":["webserver"]}}`, "aws:TagKeys=environment|webserver", true},
	{multiPage, `{"ForAnyValue:StringEquals":{"aws:TagKeys":["webserver"]}}`, "aws:TagKeys=environment", false},
	{multiPage, `{"ForAnyValue:StringEquals":{"aws:TagKeys":["webserver"]}}`, "", false},
	{multiPage, `{"ForAllValues:StringNotEquals":{"aws:TagKeys":["environment"]}}`, "aws:TagKeys=team|x", true},
	{multiPage, `{"ForAllValues:StringNotEquals":{"aws:TagKeys":["environment"]}}`, "aws:TagKeys=team|environment", false},
	{multiPage, `{"ForAnyValue:StringNotEquals":{"aws:TagKeys":["environment"]}}`, "aws:TagKeys=team|environment", true},
	{multiPage, `{"ForAnyValue:StringNotEquals":{"aws:TagKeys":["environment"]}}`, "aws:TagKeys=environment", false},
	{multiPage, `{"ForAnyValue:StringEqualsIfExists":{"aws:TagKeys":["environment"]}}`, "", true},
}

// TestExamples evaluates what AWS's documentation says about certain policies
// and requests.
func TestExamples(t *testing.T) {
	t.Parallel()
	examples := decisions()
	// Each of the others is a statement that allows its action if it applies.
	for _, e := range actionExamples {
		examples = append(examples, example{
			page: e.page, identity: allow(e.pattern, "*"), who: ann, action: e.value, target: "*", want: unless(e.want),
		})
	}
	for _, e := range resourceExamples {
		examples = append(examples, example{
			page: e.page, identity: allow("*", e.pattern), who: ann, action: "s3:GetObject", target: e.value, context: e.context, want: unless(e.want),
		})
	}
	for _, e := range conditionExamples {
		examples = append(examples, example{
			page: e.page, identity: strings.TrimSuffix(all, "}") + `,"Condition":` + e.condition + "}",
			who: ann, action: "s3:GetObject", target: "*", context: e.context, want: unless(e.want),
		})
	}
	if len(examples) < 150 {
		t.Errorf("there are only %d examples", len(examples))
	}
	for _, e := range examples {
		r := &policy.Request{Principal: e.who, Action: e.action, Resource: e.target, Account: e.account, Context: contextOf(e.context)}
		ps := e.policies(t)
		d := ps.Evaluate(r)
		switch {
		case d.Result == policy.Allowed && e.want != "":
			t.Errorf("%+v is allowed\nsee %s%s", e, guide, e.page)
		case d.Result != policy.Allowed && (e.want == "" || !strings.Contains(d.Refusal(r), e.want)):
			t.Errorf("%+v: %s\nsee %s%s", e, d.Refusal(r), guide, e.page)
		}
	}
}

// unless returns the refusal of a statement that does not apply.
func unless(applies bool) string {
	if applies {
		return ""
	}
	return noIdentity
}

func (e example) policies(t *testing.T) policy.Policies {
	t.Helper()
	read := func(kind policy.Kind, statements string) *policy.Policy {
		if statements == "" {
			return nil
		}
		return parseAll(t, kind, `{"Version":"2012-10-17","Statement":[`+statements+`]}`)[0]
	}
	ps := policy.Policies{Boundary: read(policy.Identity, e.boundary), Resource: read(policy.Resource, e.resource)}
	if p := read(policy.Identity, e.identity); p != nil {
		ps.Identity = append(ps.Identity, p)
	}
	if p := read(policy.Identity, e.session); p != nil {
		ps.Session = append(ps.Session, p)
	}
	if p := read(policy.Trust, e.trust); p != nil {
		ps.Resource, ps.Trust, ps.Required = p, true, true
	}
	if p := read(policy.Resource, e.key); p != nil {
		ps.Resource, ps.Required = p, true
	}
	return ps
}

func contextOf(text string) policy.Context {
	c := policy.Context{}
	for pair := range strings.FieldsSeq(text) {
		key, values, _ := strings.Cut(pair, "=")
		c.Set(key, strings.Split(values, "|")...)
	}
	return c
}
