package lambda_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

var name = aws.String("f")

func TestCreateFunctionRefuses(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.create(t)
	tests := []struct {
		name   string
		change func(*awslambda.CreateFunctionInput)
		text   string
	}{
		{"again", func(in *awslambda.CreateFunctionInput) { in.FunctionName = name }, "ResourceConflictException: Function already exist: f"},
		{"runtime", func(in *awslambda.CreateFunctionInput) { in.Runtime = lambdatypes.RuntimeNodejs22x }, "found no Node to run nodejs22.x. Install Node"},
		{"python", func(in *awslambda.CreateFunctionInput) { in.Runtime = lambdatypes.RuntimePython313 }, "can't run python3.13. It runs provided.al2023"},
		{"go1.x", func(in *awslambda.CreateFunctionInput) { in.Runtime = lambdatypes.RuntimeGo1x }, "Use provided.al2023: build the function as an executable named bootstrap"},
		{"image", func(in *awslambda.CreateFunctionInput) { in.PackageType = "Image" }, "runs no containers"},
		{"layers", func(in *awslambda.CreateFunctionInput) { in.Layers = []string{"x"} }, "Layers is not supported"},
		{"memory", func(in *awslambda.CreateFunctionInput) { in.MemorySize = aws.Int32(64) }, "Value '64' at 'memorySize' failed to satisfy constraint: Member must have value greater than or equal to 128"},
		{"timeout", func(in *awslambda.CreateFunctionInput) { in.Timeout = aws.Int32(901) }, "less than or equal to 900"},
		{"variable", variables("AWS_REGION", "x"), "Reserved keys used in this request: AWS_REGION"},
		{"variables", variables("BIG", strings.Repeat("x", 5000)), "exceeded the 4KB limit"},
		{"role", func(in *awslambda.CreateFunctionInput) { in.Role = aws.String("me") }, "Value 'me' at 'role'"},
		{"zip", func(in *awslambda.CreateFunctionInput) { in.Code.ZipFile = []byte("x") }, "Could not unzip uploaded file. Please check your file, then try to upload again."},
		{"zip slip", func(in *awslambda.CreateFunctionInput) { in.Code.ZipFile = pack(map[string]string{"../../x": ""}) }, "points outside the package"},
		{"object", func(in *awslambda.CreateFunctionInput) {
			in.Code = &lambdatypes.FunctionCode{S3Bucket: aws.String("b"), S3Key: aws.String("k")}
		}, "Error occurred while GetObject. S3 Error: NoSuchKey"},
		{"foreign", func(in *awslambda.CreateFunctionInput) {
			// This ELF header is for a machine that does not exist.
			header := make([]byte, 64)
			copy(header, "\x7fELF\x02\x01\x01")
			copy(header[16:], "\x02\x00\x08\x00\x01")
			in.Code.ZipFile = pack(map[string]string{"bootstrap": string(header)})
		}, "The function's bootstrap is built for linux/EM_MIPS"},
		{"log level", func(in *awslambda.CreateFunctionInput) {
			in.LoggingConfig = &lambdatypes.LoggingConfig{SystemLogLevel: "WARN"}
		}, "LogFormat must be JSON"},
	}
	for _, tt := range tests {
		in := &awslambda.CreateFunctionInput{
			FunctionName: aws.String("g"), Role: aws.String(role), Handler: aws.String("h"), Runtime: lambdatypes.RuntimeProvidedal2,
			Architectures: []lambdatypes.Architecture{f.host}, Code: &lambdatypes.FunctionCode{ZipFile: functionZip},
		}
		tt.change(in)
		if _, err := f.CreateFunction(t.Context(), in); err == nil || !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	in := &awslambda.CreateFunctionInput{
		FunctionName: aws.String("ampersands"), Role: aws.String(role), Handler: aws.String("h"), Runtime: lambdatypes.RuntimeProvidedal2,
		Architectures: []lambdatypes.Architecture{f.host}, Code: &lambdatypes.FunctionCode{ZipFile: functionZip},
		Environment: &lambdatypes.Environment{Variables: map[string]string{"QUERY": strings.Repeat("&", 4000)}},
	}
	if _, err := f.CreateFunction(t.Context(), in); err != nil {
		t.Errorf("4,000 characters: %v", err)
	}
	f.noRole = errors.New("no such role")
	_, err := f.CreateFunction(t.Context(), &awslambda.CreateFunctionInput{
		FunctionName: aws.String("g"), Role: aws.String(role), Handler: aws.String("h"), Runtime: lambdatypes.RuntimeProvidedal2,
		Architectures: []lambdatypes.Architecture{f.host}, Code: &lambdatypes.FunctionCode{ZipFile: functionZip},
	})
	if err == nil || !strings.Contains(err.Error(), "The role defined for the function cannot be assumed by Lambda.") {
		t.Errorf("role that can't be assumed: %v", err)
	}
}

func TestVersionsAreImmutable(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.objects["code/v1.zip"] = functionZip
	created := f.create(t, variables("STAGE", "one"), func(in *awslambda.CreateFunctionInput) {
		in.Code = &lambdatypes.FunctionCode{S3Bucket: aws.String("code"), S3Key: aws.String("v1.zip")}
	})
	if created.State != "Active" || created.LastUpdateStatus != "Successful" || *created.Version != "$LATEST" || created.CodeSize != int64(len(functionZip)) || *created.LastModified != "2026-03-01T12:00:30.000+0000" {
		t.Errorf("created %+v", created)
	}
	publish := func() string {
		t.Helper()
		out, err := f.PublishVersion(t.Context(), &awslambda.PublishVersionInput{FunctionName: name, CodeSha256: created.CodeSha256})
		if err != nil {
			t.Fatal(err)
		}
		return *out.Version
	}
	if first, again := publish(), publish(); first != "1" || again != "1" {
		t.Errorf("published %s and, unchanged, %s", first, again)
	}
	published, err := f.GetFunctionConfiguration(t.Context(), &awslambda.GetFunctionConfigurationInput{FunctionName: name})
	if err != nil || *published.RevisionId == *created.RevisionId {
		t.Fatalf("published, $LATEST has still revision %s, %v", *created.RevisionId, err)
	}
	updated, err := f.UpdateFunctionConfiguration(t.Context(), &awslambda.UpdateFunctionConfigurationInput{
		FunctionName: name, Environment: &lambdatypes.Environment{Variables: map[string]string{"STAGE": "two"}}, RevisionId: published.RevisionId,
	})
	if err != nil {
		t.Fatal(err)
	}
	if *updated.MemorySize != 256 || *updated.RevisionId == *created.RevisionId {
		t.Errorf("updated %+v", updated)
	}
	if _, err := f.UpdateFunctionConfiguration(t.Context(), &awslambda.UpdateFunctionConfigurationInput{FunctionName: name, RevisionId: created.RevisionId}); err == nil || !strings.Contains(err.Error(), "PreconditionFailedException") {
		t.Errorf("a stale revision: %v", err)
	}
	if second := publish(); second != "2" {
		t.Errorf("changed, published %s", second)
	}
	for version, want := range map[string]string{"1": "STAGE=one", "2": "STAGE=two"} {
		if out := f.invoke(t, `{"do":"env"}`, version); !strings.Contains(string(out.Payload), want) || *out.ExecutedVersion != version {
			t.Errorf("version %s ran as %s", version, out.Payload)
		}
	}
	code, err := f.UpdateFunctionCode(t.Context(), &awslambda.UpdateFunctionCodeInput{
		FunctionName: name, ZipFile: pack(map[string]string{"bootstrap": "#!/bin/false\n"}), Publish: true,
	})
	if err != nil || *code.Version != "3" || *code.CodeSha256 == *created.CodeSha256 {
		t.Fatalf("UpdateFunctionCode: %+v, %v", code, err)
	}
	if _, err := f.PublishVersion(t.Context(), &awslambda.PublishVersionInput{FunctionName: name, CodeSha256: created.CodeSha256}); err == nil {
		t.Error("published with the digest of other code")
	}
	if out := f.invoke(t, `{}`, "1"); out.FunctionError != nil {
		t.Errorf("after an update, version 1 fails: %s", out.Payload)
	}
	if out := f.invoke(t, `{}`); out.FunctionError == nil {
		t.Error("$LATEST still runs the old code")
	}
	list, err := f.ListVersionsByFunction(t.Context(), &awslambda.ListVersionsByFunctionInput{FunctionName: name, MaxItems: aws.Int32(3)})
	if err != nil || len(list.Versions) != 3 || list.NextMarker == nil || list.Versions[1].State != "" || *list.Versions[2].FunctionArn != "arn:aws:lambda:us-east-1:000000000000:function:f:2" {
		t.Fatalf("ListVersionsByFunction: %+v, %v", list, err)
	}
	list, err = f.ListVersionsByFunction(t.Context(), &awslambda.ListVersionsByFunctionInput{FunctionName: name, Marker: list.NextMarker})
	if err != nil || len(list.Versions) != 1 || *list.Versions[0].Version != "3" || list.NextMarker != nil {
		t.Errorf("the second page: %+v, %v", list, err)
	}
}

// If $LATEST gets a new description, publishing makes a new version. If only
// PublishVersion gets one, it does not.
func TestDescriptionsOfVersions(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.create(t)
	publish := func(description *string) string {
		t.Helper()
		out, err := f.PublishVersion(t.Context(), &awslambda.PublishVersionInput{FunctionName: name, Description: description})
		if err != nil {
			t.Fatal(err)
		}
		return *out.Version + " " + *out.Description
	}
	describe := func(description string) {
		t.Helper()
		if _, err := f.UpdateFunctionConfiguration(t.Context(), &awslambda.UpdateFunctionConfigurationInput{FunctionName: name, Description: aws.String(description)}); err != nil {
			t.Fatal(err)
		}
	}
	describe("first")
	got := []string{publish(aws.String("the first")), publish(aws.String("the same")), publish(nil)}
	describe("second")
	got = append(got, publish(nil), publish(aws.String("another")))
	if want := []string{"1 the first", "1 the first", "1 the first", "2 second", "2 second"}; !slices.Equal(got, want) {
		t.Errorf("published %q, want %q", got, want)
	}
}

func TestGetFunctionGivesTheCode(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.create(t, func(in *awslambda.CreateFunctionInput) { in.Tags = map[string]string{"a": "b"} })
	out, err := f.GetFunction(t.Context(), &awslambda.GetFunctionInput{FunctionName: name})
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.Get(*out.Code.Location)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r.Body)
	if err := errors.Join(err, r.Body.Close()); err != nil || !bytes.Equal(data, functionZip) {
		t.Errorf("downloaded %d bytes, want %d: %v", len(data), len(functionZip), err)
	}
	if out.Tags["a"] != "b" || out.Concurrency != nil || out.Configuration.Environment != nil {
		t.Errorf("%+v", out)
	}
	if _, err := f.PutFunctionConcurrency(t.Context(), &awslambda.PutFunctionConcurrencyInput{FunctionName: name, ReservedConcurrentExecutions: aws.Int32(3)}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.UpdateFunctionConfiguration(t.Context(), &awslambda.UpdateFunctionConfigurationInput{FunctionName: name, Environment: &lambdatypes.Environment{Variables: map[string]string{}}}); err != nil {
		t.Fatal(err)
	}
	out, err = f.GetFunction(t.Context(), &awslambda.GetFunctionInput{FunctionName: name})
	if err != nil || *out.Concurrency.ReservedConcurrentExecutions != 3 || out.Configuration.Environment == nil || len(out.Configuration.Environment.Variables) != 0 {
		t.Errorf("%+v, %v", out, err)
	}
	if _, err := os.Stat(filepath.Join(f.dir, "lambda")); err != nil {
		t.Error(err)
	}
}

func TestAliases(t *testing.T) {
	t.Parallel()
	draw := 0.0
	f := newFixture(t, withRand(&draw))
	f.create(t, func(in *awslambda.CreateFunctionInput) { in.Publish = true })
	if _, err := f.UpdateFunctionConfiguration(t.Context(), &awslambda.UpdateFunctionConfigurationInput{FunctionName: name, Timeout: aws.Int32(5)}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.PublishVersion(t.Context(), &awslambda.PublishVersionInput{FunctionName: name}); err != nil {
		t.Fatal(err)
	}
	route := func(weights map[string]float64) *lambdatypes.AliasRoutingConfiguration {
		return &lambdatypes.AliasRoutingConfiguration{AdditionalVersionWeights: weights}
	}
	live := aws.String("live")
	created, err := f.CreateAlias(t.Context(), &awslambda.CreateAliasInput{FunctionName: name, Name: live, FunctionVersion: aws.String("1")})
	if err != nil || *created.AliasArn != "arn:aws:lambda:us-east-1:000000000000:function:f:live" || created.RoutingConfig != nil {
		t.Fatalf("CreateAlias: %+v, %v", created, err)
	}
	for text, in := range map[string]awslambda.CreateAliasInput{
		"Alias already exists: arn:aws:lambda:us-east-1:000000000000:function:f:live": {Name: live, FunctionVersion: aws.String("1")},
		"Function not found: arn:aws:lambda:us-east-1:000000000000:function:f:9":      {Name: aws.String("x"), FunctionVersion: aws.String("9")},
		"Value '12' at 'name'":                              {Name: aws.String("12"), FunctionVersion: aws.String("1")},
		"AdditionalVersionWeights cannot be greater than 1": {Name: aws.String("x"), FunctionVersion: aws.String("1"), RoutingConfig: route(map[string]float64{"2": .1, "3": .1})},
		"less than or equal to 1.0":                         {Name: aws.String("x"), FunctionVersion: aws.String("1"), RoutingConfig: route(map[string]float64{"2": 1.1})},
		"Function version 1 is already included":            {Name: aws.String("x"), FunctionVersion: aws.String("1"), RoutingConfig: route(map[string]float64{"1": .1})},
		"$LATEST is not supported for an alias":             {Name: aws.String("x"), FunctionVersion: aws.String("$LATEST"), RoutingConfig: route(map[string]float64{"1": .1})},
		"regular expression pattern: [0-9]+":                {Name: aws.String("x"), FunctionVersion: aws.String("1"), RoutingConfig: route(map[string]float64{"$LATEST": .1})},
	} {
		in.FunctionName = name
		if _, err := f.CreateAlias(t.Context(), &in); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("want %q, got %v", text, err)
		}
	}
	updated, err := f.UpdateAlias(t.Context(), &awslambda.UpdateAliasInput{FunctionName: name, Name: live, RoutingConfig: route(map[string]float64{"2": 0.1}), RevisionId: created.RevisionId})
	if err != nil || updated.RoutingConfig.AdditionalVersionWeights["2"] != 0.1 || *updated.FunctionVersion != "1" {
		t.Fatalf("UpdateAlias: %+v, %v", updated, err)
	}
	// The caller's change must not reach the service.
	updated.RoutingConfig.AdditionalVersionWeights["2"] = 1
	for _, tt := range []struct {
		draw    float64
		version string
	}{{0, "2"}, {0.099, "2"}, {0.1, "1"}, {0.9, "1"}} {
		draw = tt.draw
		if out := f.invoke(t, `{}`, "live"); *out.ExecutedVersion != tt.version {
			t.Errorf("drawing %v ran version %s, want %s", tt.draw, *out.ExecutedVersion, tt.version)
		}
	}
	f.Flush(t.Context())
	for metric, want := range map[string]int{
		"AWS/Lambda Invocations{}":                                                   4,
		"AWS/Lambda Invocations{FunctionName=f}":                                     4,
		"AWS/Lambda Invocations{FunctionName=f,Resource=f:live}":                     4,
		"AWS/Lambda Invocations{FunctionName=f,Resource=f:live,ExecutedVersion=1}":   2,
		"AWS/Lambda Errors{FunctionName=f,Resource=f:live,ExecutedVersion=2}":        2,
		"AWS/Lambda Duration{FunctionName=f,Resource=f:live,ExecutedVersion=2}":      2,
		"AWS/Lambda ConcurrentExecutions{FunctionName=f}":                            4,
		"AWS/Lambda Throttles{FunctionName=f,Resource=f:live}":                       4,
		"AWS/Lambda Invocations{FunctionName=f,Resource=f}":                          0,
		"AWS/Lambda Invocations{FunctionName=f,Resource=f:live,ExecutedVersion=any}": 0,
	} {
		if got := f.values(metric); len(got) != want {
			t.Errorf("%s: %v, want %d values", metric, got, want)
		}
	}
	if _, err := f.DeleteFunction(t.Context(), &awslambda.DeleteFunctionInput{FunctionName: name, Qualifier: aws.String("2")}); err == nil || !strings.Contains(err.Error(), "ResourceConflictException") {
		t.Errorf("deleted a version that an alias needs: %v", err)
	}
	ended, err := f.UpdateAlias(t.Context(), &awslambda.UpdateAliasInput{FunctionName: name, Name: live, FunctionVersion: aws.String("2"), RoutingConfig: route(map[string]float64{})})
	if err != nil || ended.RoutingConfig != nil || *ended.FunctionVersion != "2" {
		t.Errorf("UpdateAlias: %+v, %v", ended, err)
	}
	list, err := f.ListAliases(t.Context(), &awslambda.ListAliasesInput{FunctionName: name, FunctionVersion: aws.String("2")})
	if err != nil || len(list.Aliases) != 1 {
		t.Errorf("ListAliases: %+v, %v", list, err)
	}
	if _, err := f.DeleteFunction(t.Context(), &awslambda.DeleteFunctionInput{FunctionName: name, Qualifier: aws.String("none")}); err == nil || !strings.Contains(err.Error(), "Deletion of aliases is not currently supported.") {
		t.Errorf("deleted a version named none: %v", err)
	}
	// The second time there is nothing to delete.
	for range 2 {
		if _, err := f.DeleteAlias(t.Context(), &awslambda.DeleteAliasInput{FunctionName: name, Name: live}); err != nil {
			t.Error(err)
		}
	}
	if _, err := f.GetAlias(t.Context(), &awslambda.GetAliasInput{FunctionName: name, Name: live}); err == nil || !strings.Contains(err.Error(), "Cannot find alias arn: arn:aws:lambda:us-east-1:000000000000:function:f:live") {
		t.Errorf("GetAlias: %v", err)
	}
	if _, err := f.DeleteFunction(t.Context(), &awslambda.DeleteFunctionInput{FunctionName: name, Qualifier: aws.String("2")}); err != nil {
		t.Error(err)
	}
	if _, err := f.UpdateFunctionConfiguration(t.Context(), &awslambda.UpdateFunctionConfigurationInput{FunctionName: name, Timeout: aws.Int32(6)}); err != nil {
		t.Fatal(err)
	}
	if out, err := f.PublishVersion(t.Context(), &awslambda.PublishVersionInput{FunctionName: name}); err != nil || *out.Version != "3" {
		t.Errorf("a number was used again: %+v, %v", out, err)
	}
}

// CodeDeploy can't shift traffic between two versions if Lambda refuses to let
// them share an alias. What fails on AWS must fail here.
func TestAliasesShareTrafficBetweenLikeVersions(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.create(t, func(in *awslambda.CreateFunctionInput) { in.Publish = true })
	for _, test := range []struct {
		change *awslambda.UpdateFunctionConfigurationInput
		want   string
	}{
		{&awslambda.UpdateFunctionConfigurationInput{Role: aws.String(role + "-of-another")}, "InvalidParameterValueException: Specified versions must be associated with the same execution role"},
		{&awslambda.UpdateFunctionConfigurationInput{Role: aws.String(role), DeadLetterConfig: &lambdatypes.DeadLetterConfig{TargetArn: aws.String(topic)}}, "Specified versions must be associated with the same dead-letter configuration"},
	} {
		test.change.FunctionName = name
		if _, err := f.UpdateFunctionConfiguration(t.Context(), test.change); err != nil {
			t.Fatal(err)
		}
		out, err := f.PublishVersion(t.Context(), &awslambda.PublishVersionInput{FunctionName: name})
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.CreateAlias(t.Context(), &awslambda.CreateAliasInput{
			FunctionName: name, Name: aws.String("live"), FunctionVersion: aws.String("1"),
			RoutingConfig: &lambdatypes.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{*out.Version: 0.1}},
		})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("want %q, got %v", test.want, err)
		}
	}
}

func TestPermissions(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.create(t)
	if _, err := f.GetPolicy(t.Context(), &awslambda.GetPolicyInput{FunctionName: name}); err == nil || !strings.Contains(err.Error(), "The resource you requested does not exist.") {
		t.Errorf("GetPolicy: %v", err)
	}
	in := &awslambda.AddPermissionInput{
		FunctionName: name, StatementId: aws.String("events"), Action: aws.String("lambda:InvokeFunction"),
		Principal: aws.String("events.amazonaws.com"), SourceArn: aws.String("arn:aws:events:us-east-1:000000000000:rule/r"),
	}
	out, err := f.AddPermission(t.Context(), in)
	const want = `{"Sid":"events","Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"lambda:InvokeFunction","Resource":"arn:aws:lambda:us-east-1:000000000000:function:f","Condition":{"ArnLike":{"AWS:SourceArn":"arn:aws:events:us-east-1:000000000000:rule/r"}}}`
	if err != nil || *out.Statement != want {
		t.Errorf("AddPermission: %s, %v", aws.ToString(out.Statement), err)
	}
	if _, err := f.AddPermission(t.Context(), in); err == nil || !strings.Contains(err.Error(), "The statement id (events) provided already exists.") {
		t.Errorf("again: %v", err)
	}
	if _, err := f.AddPermission(t.Context(), &awslambda.AddPermissionInput{FunctionName: name, Qualifier: aws.String("none"), StatementId: aws.String("s"), Action: in.Action, Principal: in.Principal}); err == nil || !strings.Contains(err.Error(), "Cannot find alias arn: arn:aws:lambda:us-east-1:000000000000:function:f:none") {
		t.Errorf("AddPermission for an alias that isn't there: %v", err)
	}
	policy, err := f.GetPolicy(t.Context(), &awslambda.GetPolicyInput{FunctionName: name})
	if err != nil || *policy.Policy != `{"Version":"2012-10-17","Id":"default","Statement":[`+want+`]}` {
		t.Errorf("GetPolicy: %+v, %v", policy, err)
	}
	remove := &awslambda.RemovePermissionInput{FunctionName: name, StatementId: aws.String("other")}
	if _, err := f.RemovePermission(t.Context(), remove); err == nil || !strings.Contains(err.Error(), "Statement other is not found in resource policy.") {
		t.Errorf("RemovePermission: %v", err)
	}
	remove.StatementId = aws.String("events")
	if _, err := f.RemovePermission(t.Context(), remove); err != nil {
		t.Error(err)
	}
	if _, err := f.RemovePermission(t.Context(), remove); err == nil || !strings.Contains(err.Error(), "No policy is associated with the given resource.") {
		t.Errorf("RemovePermission: %v", err)
	}
}

// A page has 50 items, even if the caller asks for more.
func TestPagesAreBounded(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.create(t, func(in *awslambda.CreateFunctionInput) { in.Publish = true })
	for i := range 51 {
		if _, err := f.CreateAlias(t.Context(), &awslambda.CreateAliasInput{FunctionName: name, Name: aws.String(fmt.Sprintf("a%02d", i)), FunctionVersion: aws.String("1")}); err != nil {
			t.Fatal(err)
		}
	}
	first, err := f.ListAliases(t.Context(), &awslambda.ListAliasesInput{FunctionName: name, MaxItems: aws.Int32(1000)})
	if err != nil || len(first.Aliases) != 50 || first.NextMarker == nil {
		t.Fatalf("%d aliases, %v", len(first.Aliases), err)
	}
	second, err := f.ListAliases(t.Context(), &awslambda.ListAliasesInput{FunctionName: name, Marker: first.NextMarker})
	if err != nil || len(second.Aliases) != 1 || *second.Aliases[0].Name != "a50" || second.NextMarker != nil {
		t.Errorf("%+v, %v", second, err)
	}
}

func TestTagsAndSettingsAndDeletion(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	arn := f.create(t).FunctionArn
	if _, err := f.TagResource(t.Context(), &awslambda.TagResourceInput{Resource: arn, Tags: map[string]string{"a": "1", "b": "2"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.UntagResource(t.Context(), &awslambda.UntagResourceInput{Resource: arn, TagKeys: []string{"a"}}); err != nil {
		t.Fatal(err)
	}
	if out, err := f.ListTags(t.Context(), &awslambda.ListTagsInput{Resource: arn}); err != nil || len(out.Tags) != 1 || out.Tags["b"] != "2" {
		t.Errorf("ListTags: %+v, %v", out, err)
	}
	settings, err := f.GetAccountSettings(t.Context(), &awslambda.GetAccountSettingsInput{})
	if err != nil || settings.AccountUsage.FunctionCount != 1 || settings.AccountLimit.ConcurrentExecutions != 1000 {
		t.Errorf("GetAccountSettings: %+v, %v", settings, err)
	}
	list, err := f.ListFunctions(t.Context(), &awslambda.ListFunctionsInput{})
	if err != nil || len(list.Functions) != 1 || !slices.Equal(list.Functions[0].Architectures, []lambdatypes.Architecture{f.host}) {
		t.Errorf("ListFunctions: %+v, %v", list, err)
	}
	// What only GetFunction returns must not be in a list either.
	if c := list.Functions[0]; c.State != "" || c.LastUpdateStatus != "" || c.RuntimeVersionConfig != nil || *c.FunctionArn != *arn {
		t.Errorf("ListFunctions: %+v", c)
	}
	all, err := f.ListFunctions(t.Context(), &awslambda.ListFunctionsInput{FunctionVersion: lambdatypes.FunctionVersionAll})
	if err != nil || len(all.Functions) != 1 || *all.Functions[0].FunctionArn != *arn+":$LATEST" {
		t.Errorf("ListFunctions of all versions: %+v, %v", all, err)
	}
	if _, err := f.DeleteFunction(t.Context(), &awslambda.DeleteFunctionInput{FunctionName: arn}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.GetFunctionConfiguration(t.Context(), &awslambda.GetFunctionConfigurationInput{FunctionName: name}); err == nil || !strings.Contains(err.Error(), "ResourceNotFoundException: Function not found: arn:aws:lambda:us-east-1:000000000000:function:f") {
		t.Errorf("GetFunctionConfiguration: %v", err)
	}
}
