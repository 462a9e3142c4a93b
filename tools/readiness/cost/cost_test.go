package cost

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
)

func template(t *testing.T, text string) Template {
	t.Helper()
	var template Template
	if err := json.Unmarshal([]byte(text), &template); err != nil {
		t.Fatal(err)
	}
	return template
}

const small = `{"Resources":{
	"F":{"Type":"AWS::Lambda::Function","Properties":{"MemorySize":256,"Architectures":["arm64"]}},
	"A":{"Type":"AWS::CloudWatch::Alarm","Properties":{"MetricName":"Errors"}},
	"R":{"Type":"AWS::IAM::Role"},"B":{"Type":"AWS::S3::Bucket"}}}`

const large = `{"Resources":{
	"F":{"Type":"AWS::Lambda::Function","Properties":{"MemorySize":512,"Architectures":["arm64"]}},
	"D":{"Type":"AWS::Lambda::Function","Properties":{"MemorySize":{"Ref":"P"}}},
	"A":{"Type":"AWS::CloudWatch::Alarm","Properties":{"Metrics":[{"Expression":"100*e/i"},{"MetricStat":{}},{"MetricStat":{}}]}},
	"G":{"Type":"AWS::ApiGatewayV2::Api"},"K":{"Type":"AWS::KMS::Key"},"X":{"Type":"AWS::Braket::Thing"},"V":{"Type":"AWS::EC2::VPCEndpoint"}}}`

// TestOf compares estimates with sums that were made by hand.
func TestOf(t *testing.T) {
	t.Parallel()
	prices, err := Load(project.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	near := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-9 })
	for text, want := range map[string]Estimate{
		small: {Items: map[string]float64{
			"Lambda, requests":       0.4,                              // two million
			"Lambda, duration":       2e6 * 0.05 * 0.25 * 0.0000133334, // 50 ms each of a quarter of a GB
			"AWS::CloudWatch::Alarm": 0.1,
		}, ByUse: []string{"AWS::S3::Bucket"}},
		large: {Items: map[string]float64{
			"Lambda, requests":       0.8,
			"Lambda, duration":       2e6 * 0.05 * 0.5 * 0.0000133334,
			"AWS::CloudWatch::Alarm": 0.2,
			"AWS::ApiGatewayV2::Api": 2,
			"AWS::KMS::Key":          1,
		}, Unknown: []string{"AWS::Braket::Thing", "AWS::EC2::VPCEndpoint", "the duration of AWS::Lambda::Function with a memory that a parameter chooses"}},
	} {
		got := prices.Of(template(t, text), Traffic{2e6, 50})
		if diff := cmp.Diff(want, got, near); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

// TestNoPriceOfAnArchitecture holds that a duration without a price is named, and not
// silently free.
func TestNoPriceOfAnArchitecture(t *testing.T) {
	t.Parallel()
	prices, err := Load(project.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	for architectures, want := range map[string]string{
		`["riscv"]`:     "the duration of AWS::Lambda::Function on riscv",
		`[{"Ref":"P"}]`: "the duration of AWS::Lambda::Function on an architecture that a parameter chooses",
	} {
		got := prices.Of(template(t, `{"Resources":{"F":{"Type":"AWS::Lambda::Function","Properties":{"Architectures":`+architectures+`}}}}`), Usual)
		if diff := cmp.Diff([]string{want}, got.Unknown); diff != "" {
			t.Errorf("%s (-want +got):\n%s", architectures, diff)
		}
	}
}

// TestProvisionedConcurrency holds that it is named: an alias alone costs nothing.
func TestProvisionedConcurrency(t *testing.T) {
	t.Parallel()
	prices, err := Load(project.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	got := prices.Of(template(t, `{"Resources":{
		"A":{"Type":"AWS::Lambda::Alias","Properties":{}},
		"B":{"Type":"AWS::Lambda::Alias","Properties":{"ProvisionedConcurrencyConfig":{"ProvisionedConcurrentExecutions":5}}}}}`), Usual)
	if diff := cmp.Diff(Estimate{Items: map[string]float64{}, Unknown: []string{"the provisioned concurrency of AWS::Lambda::Alias"}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPrint(t *testing.T) {
	t.Parallel()
	prices, err := Load(project.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	before := template(t, small)
	if err := prices.print(&out, "production", Traffic{1e6, 100}, template(t, large), &before, ""); err != nil {
		t.Fatal(err)
	}
	const want = `cost of production in USD a month, at 1000000 requests of 100 ms for each function, by the prices of us-east-1 on 2025-01-01
  here  deployed  change
  1.00      0.00   +1.00  AWS::ApiGatewayV2::Api
  0.20      0.10   +0.10  AWS::CloudWatch::Alarm
  1.00      0.00   +1.00  AWS::KMS::Key
  0.67      0.33   +0.33  Lambda, duration
  0.40      0.20   +0.20  Lambda, requests
  3.27      0.63   +2.63  sum
not counted, because no price is known: AWS::Braket::Thing, AWS::EC2::VPCEndpoint, the duration of AWS::Lambda::Function with a memory that a parameter chooses
without free tiers, discounts, data transfer and taxes
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	document, err := os.ReadFile("../../../infra/docs/cost.md")
	if err != nil {
		t.Fatal(err)
	}
	// The document shows some of its lines.
	shown := 0
	for line := range strings.SplitSeq(string(document), "\n") {
		if line, ok := strings.CutPrefix(line, "    "); ok && !strings.HasPrefix(line, "go tool mage ") {
			shown++
			if !strings.Contains(want, line+"\n") {
				t.Errorf("infra/docs/cost.md shows %q, which is not printed", line)
			}
		}
	}
	if shown != 4 {
		t.Errorf("infra/docs/cost.md shows %d lines", shown)
	}
	out.Reset()
	if err := prices.print(&out, "production", Traffic{}, before, nil, "it is not deployed"); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "0.10  sum\nthere is nothing to compare it with: it is not deployed\nnot counted, because the cost depends on usage: AWS::S3::Bucket\n") {
		t.Errorf("alone it is\n%s", &out)
	}
}

// TestMemory holds that a number that is written as a text is one.
func TestMemory(t *testing.T) {
	t.Parallel()
	prices, err := Load(project.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	of := func(memory string) float64 {
		return prices.Of(template(t, `{"Resources": {"F": {"Type": "AWS::Lambda::Function", "Properties": {`+memory+`}}}}`), Usual).Items["Lambda, duration"]
	}
	if small, large := of(``), of(`"MemorySize": "256"`); math.Abs(large-2*small) > 1e-9 {
		t.Errorf("256 MB as a text cost %v, and 128 MB %v", large, small)
	}
}

// TestPricesOfTheProject holds that a project's own prices count, and that broken ones
// are refused.
func TestPricesOfTheProject(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "infra", File)
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		t.Fatal(err)
	}
	for text, broken := range map[string]string{
		`{"date":"2026-02-03","monthly":{"AWS::KMS::Key":7}}`: "",
		`{"date":"yesterday"}`:                                `infra/prices.json have the date "yesterday"`,
		`{"date":"2026-02-03","montly":{}}`:                   `unknown field "montly"`,
		`{`:                                                   "reading the prices in infra/prices.json",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		prices, err := Load(project.Config{Dir: dir})
		switch {
		case broken == "" && (err != nil || prices.Monthly["AWS::KMS::Key"] != 7):
			t.Errorf("%s: %+v, %v", text, prices, err)
		case broken != "" && (exit.Status(err) != exit.Gate || !strings.Contains(err.Error(), broken)):
			t.Errorf("%s: %v", text, err)
		}
	}
}
