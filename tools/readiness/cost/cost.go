// Package cost estimates how much the stack of a stage costs each month, and how a change of
// its template changes that. The prices come from a file with a date.
package cost

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"

	"github.com/magewright/magewright/tools/magewright/program"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/manifest"
	"github.com/magewright/magewright/tools/project/stack"
	"github.com/magewright/magewright/tools/project/target"
)

// Prices is a list of prices, without free tiers and discounts.
type Prices struct {
	Date     string   `json:"date"` // date of the prices, such as 2025-01-31
	Region   string   `json:"region"`
	Currency string   `json:"currency"`
	Sources  []string `json:"sources"`
	Lambda   struct {
		MillionRequests float64            `json:"millionRequests"`
		GigabyteSecond  map[string]float64 `json:"gigabyteSecond"` // by architecture
	} `json:"lambda"`
	// Monthly has the prices of resources that cost the same whether they are used or not.
	Monthly map[string]float64 `json:"monthly"`
	// MillionRequests has the prices of what is in front of functions.
	MillionRequests map[string]float64 `json:"millionRequests"`
	// ByUse are types whose cost depends on usage that is not known here.
	ByUse []string `json:"byUse"`
	// Free are types that cost nothing, or prefixes of such types ("AWS::IAM::").
	Free []string `json:"free"`
}

// File is the file of prices in the directory of the settings. It replaces Magewright's own
// prices.
const File = "prices.json"

//go:embed prices.json
var own []byte

// Load reads the prices of a project.
func Load(cfg project.Config) (Prices, error) {
	name := filepath.Join(cfg.Settings(), File)
	data, err := os.ReadFile(filepath.Join(cfg.Dir, name)) // #nosec G304 -- of the settings
	if errors.Is(err, fs.ErrNotExist) {
		data, name, err = own, "Magewright's "+File, nil
	}
	if err != nil {
		return Prices{}, fmt.Errorf("reading the prices: %w", err)
	}
	var p Prices
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&p); err != nil {
		return p, exit.Failed("mend "+name, "reading the prices in %s: %w", name, err)
	}
	if _, err := time.Parse(time.DateOnly, p.Date); err != nil {
		return p, exit.Failed("mend "+name, "the prices in %s have the date %q, which is not as 2025-01-31", name, p.Date)
	}
	return p, nil
}

// Traffic is what each function gets in a month.
type Traffic struct {
	Requests     float64
	Milliseconds float64 // duration of each request
}

// Usual is the traffic that is assumed unless somebody gives another one.
var Usual = Traffic{Requests: 1e6, Milliseconds: 100}

// A Template has the parts of a template that are read.
type Template struct {
	Resources map[string]struct {
		Type       string
		Properties struct {
			MemorySize    any
			Architectures []any
			Metrics       []struct{ MetricStat any }
			// For a version or an alias.
			ProvisionedConcurrencyConfig any
		}
	}
}

// An Estimate is the estimated cost of a stack in a month.
type Estimate struct {
	Items map[string]float64 // by what is paid for
	ByUse []string           // types whose cost depends on usage
	// Unknown are types without a known price.
	Unknown []string
}

// Sum returns the cost of all items.
func (e Estimate) Sum() float64 {
	sum := 0.0
	for _, name := range slices.Sorted(maps.Keys(e.Items)) {
		sum += e.Items[name]
	}
	return sum
}

// Of estimates the cost of a template.
func (p Prices) Of(t Template, traffic Traffic) Estimate {
	e := Estimate{Items: map[string]float64{}}
	note := func(all *[]string, name string) {
		if !slices.Contains(*all, name) {
			*all = append(*all, name)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(t.Resources)) {
		r := t.Resources[id]
		if r.Properties.ProvisionedConcurrencyConfig != nil {
			note(&e.Unknown, "the provisioned concurrency of "+r.Type)
		}
		monthly, isMonthly := p.Monthly[r.Type]
		million, isRequests := p.MillionRequests[r.Type]
		switch {
		case r.Type == "AWS::Lambda::Function":
			// These defaults are CloudFormation's.
			memory, architecture := 128.0, "x86_64"
			known := true
			switch n := r.Properties.MemorySize.(type) {
			case nil:
			case float64:
				memory = n
			case string:
				var err error
				memory, err = strconv.ParseFloat(n, 64)
				known = err == nil
			default:
				known = false
			}
			if len(r.Properties.Architectures) == 1 {
				architecture, _ = r.Properties.Architectures[0].(string)
			}
			e.Items["Lambda, requests"] += traffic.Requests / 1e6 * p.Lambda.MillionRequests
			second, priced := p.Lambda.GigabyteSecond[architecture]
			if !priced {
				note(&e.Unknown, "the duration of "+r.Type+" on "+cmp.Or(architecture, "an architecture that a parameter chooses"))
			}
			if !known {
				note(&e.Unknown, "the duration of "+r.Type+" with a memory that a parameter chooses")
				memory = 0
			}
			e.Items["Lambda, duration"] += traffic.Requests * traffic.Milliseconds / 1000 * memory / 1024 * second
		case isMonthly:
			count := 1.0
			if r.Type == "AWS::CloudWatch::Alarm" && len(r.Properties.Metrics) > 0 {
				// Each metric that an expression reads costs money.
				count = 0
				for _, m := range r.Properties.Metrics {
					if m.MetricStat != nil {
						count++
					}
				}
			}
			e.Items[r.Type] += count * monthly
		case isRequests:
			e.Items[r.Type] += traffic.Requests / 1e6 * million
		case slices.Contains(p.ByUse, r.Type):
			note(&e.ByUse, r.Type)
		case slices.ContainsFunc(p.Free, func(free string) bool {
			return r.Type == free || strings.HasSuffix(free, "::") && strings.HasPrefix(r.Type, free)
		}):
		default:
			note(&e.Unknown, r.Type)
		}
	}
	slices.Sort(e.ByUse)
	slices.Sort(e.Unknown)
	return e
}

// Main runs the target with its flags.
func Main(ctx context.Context, args []string) error {
	flags := program.Flags("cost")
	requests := flags.Float64("requests", Usual.Requests, "how many requests a month each function gets")
	milliseconds := flags.Float64("ms", Usual.Milliseconds, "how many milliseconds a request takes")
	if err := program.Parse(flags, args); err != nil {
		return err
	}
	// this also excludes NaN
	if !(*requests >= 0 && *requests <= 1e15) {
		return exit.Misused("cost", "-requests=%v: a function gets 0 to 1e15 requests a month", *requests)
	}
	if !(*milliseconds >= 0 && *milliseconds <= 900_000) {
		return exit.Misused("cost", "-ms=%v: a request takes 0 to 900000 ms, which is Lambda's longest time-out", *milliseconds)
	}
	return target.Run(ctx, func(ctx context.Context, cfg project.Config) error {
		return Print(ctx, cfg, cfg.Stdout, Traffic{*requests, *milliseconds})
	})
}

// Print prints the monthly cost of the last stage according to the assembly, beside the cost
// of what is deployed. Without credentials, or before the stage is deployed, there is nothing
// to compare with.
func Print(ctx context.Context, cfg project.Config, out io.Writer, traffic Traffic) error {
	prices, err := Load(cfg)
	if err != nil {
		return err
	}
	names, err := manifest.ReadAny(cfg)
	if err != nil {
		return err
	}
	stage := names.Last()
	data, err := os.ReadFile(stage.TemplateFile(cfg))
	if err != nil {
		return fmt.Errorf("reading the cloud assembly: %w", err)
	}
	var fresh Template
	if err := json.Unmarshal(data, &fresh); err != nil {
		return fmt.Errorf("reading the cloud assembly: %s: %w", stage.Template, err)
	}
	before, why := deployed(ctx, stage)
	return prices.print(out, stage.Name, traffic, fresh, before, why)
}

// deployed returns the template of a stage as it is deployed, or why it is unknown.
func deployed(ctx context.Context, stage manifest.Stage) (t *Template, why string) {
	cfg, err := stack.Connect(ctx)
	if err != nil {
		return nil, "there are no credentials to ask AWS what is deployed"
	}
	if err := stack.CheckAccount(ctx, cfg, stage.Place); err != nil {
		return nil, "stack " + stage.Stack + " can't be read: it belongs to account " + stage.Account
	}
	got, err := cloudformation.NewFromConfig(stack.In(cfg, stage.Place)).GetTemplate(ctx, &cloudformation.GetTemplateInput{StackName: &stage.Stack, TemplateStage: types.TemplateStageProcessed})
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return nil, "stack " + stage.Stack + " can't be read: " + api.ErrorMessage()
	}
	if err != nil {
		return nil, "stack " + stage.Stack + " can't be read"
	}
	t = &Template{}
	if json.Unmarshal([]byte(aws.ToString(got.TemplateBody)), t) != nil {
		return nil, "the template of stack " + stage.Stack + " is not JSON"
	}
	return t, ""
}

// print prints an estimate of a template, beside that of another one if there is one.
func (p Prices) print(out io.Writer, stage string, traffic Traffic, fresh Template, before *Template, why string) error {
	now := p.Of(fresh, traffic)
	was := Estimate{Items: map[string]float64{}}
	if before != nil {
		was = p.Of(*before, traffic)
	}
	fmt.Fprintf(out, "cost of %s in %s a month, at %.0f requests of %g ms for each function, by the prices of %s on %s\n",
		stage, p.Currency, traffic.Requests, traffic.Milliseconds, p.Region, p.Date)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	line := func(name string, a, b float64) {
		if before == nil {
			_, _ = fmt.Fprintf(w, "%.2f\t  %s\n", a, name)
			return
		}
		_, _ = fmt.Fprintf(w, "%.2f\t%.2f\t%+.2f\t  %s\n", a, b, a-b, name)
	}
	if before != nil {
		_, _ = fmt.Fprintln(w, "here\tdeployed\tchange\t")
	}
	items := maps.Clone(now.Items)
	maps.Copy(items, was.Items)
	for _, name := range slices.Sorted(maps.Keys(items)) {
		line(name, now.Items[name], was.Items[name])
	}
	line("sum", now.Sum(), was.Sum())
	if err := w.Flush(); err != nil {
		return err
	}
	if before == nil {
		fmt.Fprintf(out, "there is nothing to compare it with: %s\n", why)
	}
	for _, part := range []struct {
		title string
		all   []string
	}{{"not counted, because the cost depends on usage", now.ByUse}, {"not counted, because no price is known", now.Unknown}} {
		if len(part.all) > 0 {
			fmt.Fprintf(out, "%s: %s\n", part.title, strings.Join(part.all, ", "))
		}
	}
	_, err := fmt.Fprintln(out, "without free tiers, discounts, data transfer and taxes")
	return err
}
