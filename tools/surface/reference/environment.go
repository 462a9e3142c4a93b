package reference

// meanings says in one line what each environment variable does. The generation
// fails if a variable that is read has no line here, or if a line's variable is
// never read.
var meanings = map[string]string{
	"AWS_ACCESS_KEY_ID":                 "the access key of the endpoint that `rehearse` is given; the AWS SDKs and the CDK read it too",
	"AWS_ENDPOINT_URL":                  "the endpoint of AWS: `rehearse` uses it instead of starting one; the AWS SDKs and the CDK read it too",
	"AWS_LAMBDA_FUNCTION_VERSION":       "the function's version, as Lambda sets it; `/healthz` answers it",
	"AWS_LAMBDA_RUNTIME_API":            "the Runtime API, as Lambda sets it for the bootstrap of a drill's bad version",
	"AWS_SECRET_ACCESS_KEY":             "the secret of AWS_ACCESS_KEY_ID; the embedded AWS draws one at each start",
	"CANARY_ROLE":                       "`authorizer` makes the function that `bench` uses to measure canaries a Lambda authorizer",
	"CDK_CONTEXT_JSON":                  "CDK settings as a JSON object; they override those in `infra/cdk.json`",
	"CGO_ENABLED":                       "1 compiles with cgo; by default, only tests with the race detector use cgo",
	"CODEBUILD_BUILD_ID":                "the build, as CodeBuild sets it; a result that is reused names it",
	"CODEBUILD_INITIATOR":               "who started the build, as CodeBuild sets it; `promote` reads the pipeline's name there",
	"CODEBUILD_RESOLVED_SOURCE_VERSION": "the commit, as CodeBuild sets it; elsewhere git is asked",
	"CODEBUILD_SRC_DIR_Assembly":        "the cloud assembly, as CodeBuild sets it; elsewhere `cdk.out`",
	"COVERAGE_DIR":                      "the directory for coverage data of the function if it is built with the tag coverage; no release is",
	"EVIDENCE_BUCKET":                   "the S3 bucket for the evidence; the function does not start without it",
	"EVIDENCE_KEY":                      "the public keys that the ledger trusts, DER in base64, separated by commas, each with its period behind an @ if it has one; without any, the ledger accepts and shows nothing",
	"FAULT":                             "the fault of the function that `bench` uses to measure canaries",
	"GITHUB_TOKEN":                      "the token with which `readiness` reads pull requests from GitHub",
	"GITLAB_TOKEN":                      "the token with which `readiness` reads merge requests from GitLab",
	"GOFLAGS":                           "flags of the go command; `-trimpath` and `-buildvcs=false` are added",
	"GOVULNDB":                          "the URL of the vulnerability database, `file://` for one on this machine; Go's own by default",
	"HTTPS_PROXY":                       "the proxy that a rehearsal's builds use to reach package registries",
	"MAGEWRIGHT_KEY":                    "the file of the private key that `attest` signs with; `-key` overrides it",
	"MAGEFILE_VERBOSE":                  "if it is 1, as `mage -v` sets it, `check`, `promote` and `rehearse` redraw nothing",
	"NO_COLOR":                          "if it is set, `check`, `promote` and `rehearse` print no colours",
	"PIPELINE_EXECUTION_ID":             "the execution whose approval `promote` looks up, as the pipeline sets it",
	"STAGE":                             "the stage's name, which is a dimension of the function's metrics",
	"TERM":                              "`dumb` keeps `promote` and `rehearse` from redrawing lines",
	"https_proxy":                       "like HTTPS_PROXY, which takes precedence",
}
