package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/jsii-runtime-go"
)

// TestSuppressionsAreInTheTemplate holds that cdk-nag finds in a template what it finds in
// the constructs that the template is made of.
func TestSuppressionsAreInTheTemplate(t *testing.T) {
	defer jsii.Close()
	in, out := t.TempDir(), t.TempDir()
	const template = `{"Resources": {
		"Open": {"Type": "AWS::SNS::Topic"},
		"Told": {"Type": "AWS::SNS::Topic", "Metadata": {"cdk_nag": {"rules_to_suppress": [{"id": "AwsSolutions-SNS3", "reason": "it is only a test"}]}}}
	}}`
	if err := os.WriteFile(filepath.Join(in, "shop.template.json"), []byte(template), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := look([]string{in, out}); err != nil {
		t.Fatal(err)
	}
	report, err := os.ReadFile(filepath.Join(out, "AwsSolutions--shop-NagReport.csv")) // #nosec G304 -- just written
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"AwsSolutions-SNS3","shop/Template/Open","Non-Compliant"`, `"AwsSolutions-SNS3","shop/Template/Told","Suppressed","it is only a test"`} {
		if !strings.Contains(string(report), want) {
			t.Errorf("the report lacks %s:\n%s", want, report)
		}
	}
	if err := os.WriteFile(filepath.Join(in, "shop.template.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := look([]string{in, out}); err == nil || !strings.Contains(err.Error(), "reading the templates: ") {
		t.Errorf("a broken template: %v", err)
	}
	if err := look(nil); err == nil {
		t.Error("no directory is a directory")
	}
}
