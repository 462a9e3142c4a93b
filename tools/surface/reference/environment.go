package reference

// meanings say what an environment variable does, in a line. A variable that
// is read and has no line here, or a line whose variable nobody reads, fails
// the generation.
var meanings = map[string]string{
	"AWS_ENDPOINT_URL":                  "where AWS is: `rehearse` uses this endpoint instead of starting one; the AWS SDKs and the CDK read it too",
	"AWS_LAMBDA_FUNCTION_VERSION":       "the function's version, as Lambda sets it; `/healthz` answers it",
	"CDK_CONTEXT_JSON":                  "CDK settings as a JSON object; they win over those in `infra/cdk.json`",
	"CGO_ENABLED":                       "1 compiles with cgo; where it is not set, only tests with the race detector are",
	"CODEBUILD_BUILD_ID":                "the build, as CodeBuild sets it; a result that is used again names it",
	"CODEBUILD_INITIATOR":               "who started the build, as CodeBuild sets it; `promote` reads the pipeline's name there",
	"CODEBUILD_RESOLVED_SOURCE_VERSION": "the commit, as CodeBuild sets it; elsewhere git is asked",
	"CODEBUILD_SRC_DIR_Assembly":        "the cloud assembly, as CodeBuild sets it; elsewhere `cdk.out`",
	"COVERAGE_DIR":                      "where the function, built with the tag coverage, leaves what it has run; no release is built so",
	"DRILL_FAULT":                       "how the function fails on purpose, in staging only; anywhere else it does not start",
	"EVIDENCE_BUCKET":                   "the S3 bucket that holds the evidence; the function does not start without it",
	"EVIDENCE_KEY":                      "the public key that the ledger believes, DER in base64; without it nothing is accepted and nothing shown",
	"FAULT":                             "what the function that `bench` measures canaries with does wrong",
	"GITHUB_TOKEN":                      "reads the pull requests that `readiness` asks GitHub for",
	"GITLAB_TOKEN":                      "reads the merge requests that `readiness` asks GitLab for",
	"GOFLAGS":                           "flags of the go command; `-trimpath` and `-buildvcs=false` are added",
	"GOVULNDB":                          "the vulnerability database: a URL, `file://` for one on this machine; Go's own where it is not set",
	"HTTPS_PROXY":                       "the proxy by which a rehearsal's builds reach package registries",
	"MAGEWRIGHT_KEY":                    "the file of the private key that `attest` signs with; `-key` wins",
	"NO_COLOR":                          "where it is set, `promote` and `rehearse` print no colours",
	"PIPELINE_EXECUTION_ID":             "the execution whose approval `promote` looks up, as the pipeline sets it",
	"STAGE":                             "the stage's name, which is a dimension of the function's metrics",
	"TERM":                              "`dumb` keeps `promote` and `rehearse` from redrawing lines",
	"https_proxy":                       "as HTTPS_PROXY, which wins",
}
