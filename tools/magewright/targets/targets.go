// Package targets lists Magewright's targets with their flags. The command init writes a
// magefile from the list. Tests compare the list with the magefile of this repository and
// with the commands of the program.
package targets

import "slices"

// A Target is one of Magewright's targets.
type Target struct {
	Name    string // name of the function
	Command string
	Doc     string
	Args    []Arg
	// Own says that only Magewright's own repository has the target.
	Own bool
	// CDK says that the target is only for repositories with a CDK app.
	CDK bool
	// Alias is the spelling that a pipeline uses; "" if it is the same as the name.
	Alias string
	// With are further arguments of the command, as Go code.
	With string
}

// An Arg is an optional argument of a target, which is a flag of the command.
type Arg struct{ Name, Type, Doc string }

// Start says which of the targets a newcomer runs first. Mage prints it above its list, which
// is in alphabetical order.
func Start(of []Target) string {
	if slices.ContainsFunc(of, func(t Target) bool { return t.Name == "Rehearse" }) {
		return "Start with doctor, check and rehearse."
	}
	return "Start with doctor and check."
}

// again are the arguments of a target that does not repeat work whose result is known.
var again = []Arg{
	{"force", "bool", "run it although nothing has changed"},
	{"why", "bool", "name every input that has changed"},
}

var base = Arg{"base", "string", "the release that HEAD follows: a commit, or none; default what production serves, else the latest tag, else HEAD's parent"}

var stage = Arg{"stage", "string", "the name of the stage; default the first"}

// All returns the targets in the order in which a user meets them.
func All() []Target { return all }

var all = []Target{
	{Name: "Check", Command: "check", Doc: "runs lint, test and sec, two at a time, and synth where there is a CDK app.", Args: again},
	{Name: "Doctor", Command: "doctor", Doc: "looks for what this machine and the AWS account lack, with the command that mends it."},
	{Name: "Lint", Command: "lint", Doc: "checks formatting and code: gofmt, go vet, golangci-lint.", Args: again},
	{Name: "Test", Command: "test", Doc: "runs the tests with the race detector; JUnit and coverage go to .magewright.", Args: again},
	{Name: "Sec", Command: "sec", Doc: "looks for insecure code, known vulnerabilities and secrets.", Args: again},
	{Name: "Build", Command: "build", Doc: "builds the functions that magewright/cdk.json names to where the CDK app reads them.", CDK: true},
	{Name: "Synth", Command: "synth", Doc: "synthesizes the CDK app, and the pipeline that delivers it, into cdk.out.", Args: append(slices.Clone(again),
		Arg{"second", "bool", "synthesize HEAD a second time from a clean clone, for readiness to compare; cdk.out stays as it is"}), CDK: true},
	{Name: "Rehearse", Command: "rehearse", Doc: "takes HEAD through the pipeline to production on this machine, without an AWS account.", CDK: true, Args: []Arg{
		{"approve", "bool", "answer the approval with yes"}, base,
		{"baseVerify", "bool", "take the base through the whole pipeline too, its checks included"},
		{"builds", "int", "how many builds run at once; default 2"},
		{"forward", "string", "services that other endpoints on this machine have instead, such as dynamodb=http://127.0.0.1:8000"},
		{"keep", "bool", "keep the endpoint running at the end"},
		{"speed", "float64", "how many times as fast AWS's waits pass; default 60"},
	}},
	{Name: "Dev", Command: "dev", Doc: "deploys the first stage to an embedded AWS, and replaces a function there whenever you save its code.", CDK: true, Args: []Arg{
		{"debug", "bool", "run the functions in the debugger delve"},
		{"port", "int", "the port to listen on; default 4566"},
	}},
	{Name: "Local", Command: "local", Doc: "runs the embedded AWS in the foreground, on 127.0.0.1:4566.", CDK: true, Args: []Arg{
		{"env", "bool", "print the exports of the embedded AWS that runs in another shell, for eval"},
		{"forward", "string", "services that other endpoints on this machine have instead, such as dynamodb=http://127.0.0.1:8000"},
		{"iam", "string", "whether IAM is enforced: on (the default), report or off"},
		{"port", "int", "the port to listen on; default 4566"},
		{"speed", "float64", "how many times as fast AWS's waits pass; default 60"},
	}},
	{Name: "Bootstrap", Command: "bootstrap", Doc: "prepares the AWS account for the CDK: needed once, in each region that gets a stack.", CDK: true},
	{Name: "DeployStaging", Command: "deploy", Doc: "deploys the first stage from cdk.out, unchanged (also: deploy-staging).", CDK: true, Alias: "deploy-staging"},
	{Name: "DeployStage", Command: "deploy", Doc: "deploys any stage but the last from cdk.out, unchanged; promote deploys the last (also: deploy-stage).", CDK: true, Args: []Arg{stage}, Alias: "deploy-stage"},
	{Name: "Smoke", Command: "smoke", Doc: "runs the smoke test of magewright/probes.yml against a stage.", CDK: true, Args: []Arg{stage}},
	{Name: "Drill", Command: "drill", Doc: "releases a bad version to the first stage on purpose, and checks that AWS takes it back.", CDK: true, Args: []Arg{
		{"fault", "string", "what the bad version does: errors:SHARE, latency:DURATION or crash; default errors:0.5"},
	}},
	{Name: "Plan", Command: "plan", Doc: "prints the deployment plan of HEAD.", CDK: true, Args: []Arg{
		base,
		{"send", "bool", "publish it to the stakeholders' topic, and record that"},
		{"when", "string", "when production is deployed; default when the pipeline's approval is given"},
	}},
	{Name: "Cost", Command: "cost", Doc: "estimates what the last stage costs a month, compared with what is deployed.", CDK: true, Args: []Arg{
		{"requests", "float64", "how many requests a month each function gets; default 1000000"},
		{"ms", "float64", "how many milliseconds a request takes; default 100"},
	}},
	{Name: "Readiness", Command: "readiness", Doc: "decides from evidence whether HEAD may go to production: exit code 0 is GO.", CDK: true, Args: []Arg{
		base,
		{"missing", "bool", "list what is missing to require every check, with the command that sets it up, and decide nothing"},
	}},
	{Name: "Comment", Command: "comment", Doc: "writes what changes, the plan and the verdict into one comment of the pull or merge request, or prints it.", CDK: true},
	{Name: "Verify", Command: "verify", Doc: "decides the verdict again from a bundle and the public key alone.", CDK: true, Args: []Arg{
		{"bundle", "string", "the bundle's file; default .magewright/readiness.intoto.jsonl"},
		{"key", "string", "the file of the public key; default the key that the CDK context pins"},
	}},
	{Name: "Attest", Command: "attest", Doc: "signs, with your own key, what you state about HEAD: a manual test, a review, an approval or a waiver.", CDK: true, Args: []Arg{
		{"what", "string", "what you have tried, the result of your review, or the reason for a waiver"},
		{"review", "bool", "sign a review of the change since the base"},
		{"approve", "bool", "sign that HEAD may go to production on the evidence here, for a promote outside of the pipeline"},
		{"waive", "string", "sign a waiver for this check"},
		{"expires", "string", "a waiver expires at the beginning of this day in UTC, such as 2026-12-20; 30 days away at most"},
		{"owner", "string", "who makes sure that the waiver is not needed again"},
		{"scope", "string", "what a waiver covers: commits, from the base to HEAD (default), or package"},
		base,
		{"key", "string", "your private key; default MAGEWRIGHT_KEY, else ~/.config/magewright/key.pem"},
		{"newKey", "bool", "make a private key and print its line for the policy"},
	}},
	{Name: "Annotate", Command: "annotate", Doc: "writes the names of what is delivered into cdk.out; synth does it too.", CDK: true, Args: []Arg{
		{"draft", "bool", "print a magewright.yml of what is found, and write nothing"},
	}},
	{Name: "Promote", Command: "promote", Doc: "takes cdk.out to production, if the evidence allows it.", CDK: true, Args: []Arg{
		{"breakGlass", "string", "why to deploy although the evidence does not allow it; signed and kept for ever"},
	}},
	{Name: "PipelineDeploy", Command: "deploy", Doc: "deploys the pipeline's stack from cdk.out (also: pipeline:deploy).", CDK: true, Alias: "pipeline:deploy", With: `, "-stage=pipeline"`},
	{Name: "PipelineStatus", Command: "pipeline:status", Doc: "shows the pipeline's last execution, and what waits for an answer (also: pipeline:status).", CDK: true, Alias: "pipeline:status", Args: []Arg{
		{"follow", "bool", "wait until the pipeline has ended with HEAD; exit code 0 if HEAD is delivered"},
	}},
	{Name: "Releases", Command: "releases", Doc: "shows what serves where, who approved what on which evidence, and DORA's four figures.", CDK: true, Args: []Arg{
		{"diff", "string", "what is between two releases, as OLD..NEW"},
	}},
	{Name: "Redeploy", Command: "redeploy", Doc: "commits the files of a release that was good on top of HEAD, for the pipeline to deliver.", CDK: true, Args: []Arg{
		{"release", "string", "the commit of a release that users have had"},
	}},
	{Name: "EvidenceKey", Command: "evidence:key", Doc: "prints the public keys that sign evidence and records in this account (also: evidence:key).", CDK: true, Alias: "evidence:key"},
	{Name: "Docs", Command: "", Doc: "writes infra/REFERENCE.md from the source and from cdk.out.", Own: true},
	{Name: "Bench", Command: "bench", Doc: "measures the targets and the embedded AWS, and prints the numbers.", Own: true, Args: []Arg{
		{"only", "string", "a regular expression of the measurements to make; -list=true names them"},
		{"list", "bool", "print the names of the measurements"},
		{"runs", "int", "how many times the targets are run for each figure; default 3"},
		{"invocations", "int", "how many times invoke invokes the function; default 50000"},
		{"command", "string", "the command that where looks into; default go tool mage rehearse -approve"},
		{"fresh", "bool", "where looks into it with empty caches"},
	}},
	{Name: "Fmt", Command: "fmt", Doc: "formats the Go files."},
	{Name: "Clean", Command: "clean", Doc: "removes what targets have made: .magewright and cdk.out."},
}
