package reference

// meanings say what an environment variable does, in a line. A variable that
// is read and has no line here, or a line whose variable nobody reads, fails
// the generation.
var meanings = map[string]string{
	"AWS_ENDPOINT_URL":                  "where AWS is: `rehearse` uses this endpoint instead of starting one; the AWS SDKs and the CDK read it too",
	"AWS_LAMBDA_FUNCTION_VERSION":       "the function's version, as Lambda sets it; `/healthz` answers it",
	"CDK_CONTEXT_JSON":                  "CDK settings as a JSON object; they win over those in `infra/cdk.json`",
	"CODEBUILD_RESOLVED_SOURCE_VERSION": "the commit, as CodeBuild sets it; elsewhere git is asked",
	"CODEBUILD_SRC_DIR_Assembly":        "the cloud assembly, as CodeBuild sets it; elsewhere `cdk.out`",
	"EVIDENCE_BUCKET":                   "the S3 bucket that holds the evidence; the function does not start without it",
	"GOVULNDB":                          "the vulnerability database: a URL, `file://` for one on this machine; Go's own where it is not set",
	"HTTPS_PROXY":                       "the proxy by which a rehearsal's builds reach package registries",
	"NO_COLOR":                          "where it is set, `rehearse` prints no colours",
	"STAGE":                             "the stage's name, which is a dimension of the function's metrics",
	"TERM":                              "`dumb` keeps `rehearse` from redrawing lines",
	"https_proxy":                       "as HTTPS_PROXY, which wins",
}
