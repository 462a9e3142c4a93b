package console

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscodepipeline "github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
)

// Limits, in bytes, for reading an artifact and for showing a file.
const (
	maxFile = 64 << 20
	maxText = 1 << 20
)

// A File is a file of an artifact.
type File struct {
	Name string `json:"name"`
	Size int64  `json:"size"`
	// Carried says that one of the action's input artifacts has the same file.
	Carried bool `json:"carried,omitempty"`
}

// artifact answers with the files of all artifacts of an action.
func (c *Console) artifact(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	detail, err := c.action(r.Context(), query.Get("pipeline"), query.Get("execution"), query.Get("action"))
	if err != nil {
		return err
	}
	type id struct {
		name string
		crc  uint32
	}
	given := map[id]bool{}
	if detail.Input != nil {
		for _, a := range detail.Input.InputArtifacts {
			archive, err := c.open(r.Context(), a)
			if err != nil {
				continue // it may not be a zip file, or may be gone
			}
			for _, f := range archive.File {
				given[id{f.Name, f.CRC32}] = true
			}
		}
	}
	type listed struct {
		Name  string `json:"name"`
		Files []File `json:"files"`
	}
	out := []listed{}
	for _, a := range artifacts(detail) {
		archive, err := c.open(r.Context(), a)
		if err != nil {
			return err
		}
		l := listed{Name: aws.ToString(a.Name), Files: []File{}}
		for _, f := range archive.File {
			if f.Mode().IsRegular() {
				l.Files = append(l.Files, File{f.Name, int64(f.UncompressedSize64), given[id{f.Name, f.CRC32}]}) // #nosec G115 -- a size
			}
		}
		slices.SortFunc(l.Files, func(a, b File) int { return cmp.Compare(a.Name, b.Name) })
		out = append(out, l)
	}
	answer(w, http.StatusOK, out)
	return nil
}

func artifacts(d *types.ActionExecutionDetail) []types.ArtifactDetail {
	if d.Output == nil {
		return nil
	}
	return d.Output.OutputArtifacts
}

// action returns an action of an execution by the id of its own execution.
func (c *Console) action(ctx context.Context, pipeline, execution, id string) (*types.ActionExecutionDetail, error) {
	in := &awscodepipeline.ListActionExecutionsInput{PipelineName: &pipeline, Filter: &types.ActionExecutionFilter{PipelineExecutionId: &execution}}
	for {
		page, err := c.aws.Pipelines.ListActionExecutions(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, a := range page.ActionExecutionDetails {
			if aws.ToString(a.ActionExecutionId) == id {
				return &a, nil
			}
		}
		if in.NextToken = page.NextToken; in.NextToken == nil {
			return nil, &failure{http.StatusNotFound, "This execution has no such action."}
		}
	}
}

// commitOf returns the commit of an execution, or "".
func (c *Console) commitOf(ctx context.Context, pipeline, execution string) string {
	got, err := c.aws.Pipelines.GetPipelineExecution(ctx, &awscodepipeline.GetPipelineExecutionInput{PipelineName: &pipeline, PipelineExecutionId: &execution})
	if err != nil || len(got.PipelineExecution.ArtifactRevisions) == 0 {
		return ""
	}
	return aws.ToString(got.PipelineExecution.ArtifactRevisions[0].RevisionId)
}

// open reads an artifact.
func (c *Console) open(ctx context.Context, a types.ArtifactDetail) (*zip.Reader, error) {
	if a.S3location == nil {
		return nil, &failure{http.StatusNotFound, "The artifact is nowhere."}
	}
	got, err := c.aws.Buckets.GetObject(ctx, &awss3.GetObjectInput{Bucket: a.S3location.Bucket, Key: a.S3location.Key})
	if err != nil {
		return nil, err
	}
	defer func() { _ = got.Body.Close() }() // read only
	data, err := io.ReadAll(got.Body)
	if err != nil {
		return nil, fmt.Errorf("reading the artifact %s: %w", aws.ToString(a.Name), err)
	}
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, fmt.Errorf("reading the artifact %s: %w", aws.ToString(a.Name), err)
	}
	return archive, nil
}

// A Document is a file in the form in which it is shown. Only the fields for its kind are
// set.
type Document struct {
	Kind     string    `json:"kind"` // junit, sarif, coverage, verdict, page, text or binary
	Text     string    `json:"text,omitempty"`
	Cut      bool      `json:"cut,omitempty"` // whether the text is only the beginning
	Page     string    `json:"page,omitempty"`
	Suites   []Suite   `json:"suites,omitempty"`
	Findings []Finding `json:"findings,omitempty"`
	Covered  []Covered `json:"covered,omitempty"`
	Patch    *Patch    `json:"patch,omitempty"`
	Verdict  *Verdict  `json:"verdict,omitempty"`
}

// artifactFile answers with a file of an artifact.
func (c *Console) artifactFile(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	detail, err := c.action(r.Context(), query.Get("pipeline"), query.Get("execution"), query.Get("action"))
	if err != nil {
		return err
	}
	for _, a := range artifacts(detail) {
		if aws.ToString(a.Name) != query.Get("artifact") {
			continue
		}
		archive, err := c.open(r.Context(), a)
		if err != nil {
			return err
		}
		for _, f := range archive.File {
			if f.Name != query.Get("file") {
				continue
			}
			data, err := read(f)
			if err != nil {
				return err
			}
			d := c.document(f.Name, data)
			if d.Kind == "coverage" {
				d.Patch = c.patch(r.Context(), c.commitOf(r.Context(), query.Get("pipeline"), query.Get("execution")), archive, f.Name, data)
			}
			answer(w, http.StatusOK, d)
			return nil
		}
	}
	return &failure{http.StatusNotFound, "The action has left no such file."}
}

func read(f *zip.File) ([]byte, error) {
	if f.UncompressedSize64 > maxFile {
		return nil, fmt.Errorf("%s is larger than %d bytes", f.Name, maxFile)
	}
	in, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", f.Name, err)
	}
	defer func() { _ = in.Close() }() // read only
	data, err := io.ReadAll(in)       // no more than its header says: package zip checks that
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", f.Name, err)
	}
	return data, nil
}

// document shows a file according to its kind. A file that can't be read as that kind is
// shown as text.
func (c *Console) document(name string, data []byte) Document {
	switch extension := path.Ext(name); {
	case extension == ".html":
		return Document{Kind: "page", Page: c.pages.add(c.pace.Now(), data)}
	case extension == ".xml":
		if suites, ok := junit(data); ok {
			return Document{Kind: "junit", Suites: suites}
		}
	case extension == ".sarif":
		if findings, ok := sarif(data); ok {
			return Document{Kind: "sarif", Findings: findings}
		}
	case path.Base(name) == "coverage.out":
		if covered, ok := coverage(data); ok {
			return Document{Kind: "coverage", Covered: covered}
		}
	case path.Base(name) == "readiness.json":
		if v, ok := verdict(data); ok {
			return Document{Kind: "verdict", Verdict: v}
		}
	}
	if !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0 {
		return Document{Kind: "binary"}
	}
	if path.Ext(name) == ".json" {
		var indented bytes.Buffer
		if json.Indent(&indented, data, "", "  ") == nil {
			data = indented.Bytes()
		}
	}
	return Document{Kind: "text", Text: clip(string(data), maxText), Cut: len(data) > maxText}
}

// A Suite is a test suite of a JUnit report.
type Suite struct {
	Name  string `json:"name"`
	Cases []Case `json:"cases"`
}

// A Case is a test.
type Case struct {
	Name    string  `json:"name"`
	State   string  `json:"state"` // passed, failed or skipped
	Seconds float64 `json:"seconds"`
	Said    string  `json:"said,omitempty"`
}

// junit reads a JUnit report.
func junit(data []byte) ([]Suite, bool) {
	type said struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
	type suite struct {
		Name  string `xml:"name,attr"`
		Cases []struct {
			Name    string `xml:"name,attr"`
			Time    string `xml:"time,attr"`
			Failure *said  `xml:"failure"`
			Error   *said  `xml:"error"`
			Skipped *said  `xml:"skipped"`
		} `xml:"testcase"`
	}
	var report struct {
		XMLName xml.Name
		suite
		Suites []suite `xml:"testsuite"`
	}
	if xml.Unmarshal(data, &report) != nil || report.XMLName.Local != "testsuites" && report.XMLName.Local != "testsuite" {
		return nil, false
	}
	suites := []Suite{}
	for _, s := range append(report.Suites, report.suite) {
		if len(s.Cases) == 0 {
			continue
		}
		shown := Suite{Name: s.Name}
		for _, t := range s.Cases {
			seconds, _ := strconv.ParseFloat(t.Time, 64) // what is not a number is unknown
			one := Case{Name: t.Name, State: "passed", Seconds: seconds}
			for _, as := range []struct {
				state string
				said  *said
			}{{"failed", cmp.Or(t.Failure, t.Error)}, {"skipped", t.Skipped}} {
				if as.said != nil {
					one.State, one.Said = as.state, strings.TrimSpace(as.said.Message+"\n"+as.said.Text)
					break // what has failed was not skipped
				}
			}
			shown.Cases = append(shown.Cases, one)
		}
		suites = append(suites, shown)
	}
	return suites, true
}

// A Finding is a result of a scanner.
type Finding struct {
	Tool       string `json:"tool"`
	Rule       string `json:"rule"`
	Level      string `json:"level"`
	File       string `json:"file,omitempty"`
	Line       int    `json:"line,omitempty"`
	Text       string `json:"text"`
	Snippet    string `json:"snippet,omitempty"`
	Suppressed string `json:"suppressed,omitempty"` // why it does not count
}

// sarif reads the results of a SARIF file.
// See https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html.
func sarif(data []byte) ([]Finding, bool) {
	var log struct {
		Runs []struct {
			Tool struct {
				Driver struct {
					Name string `json:"name"`
				} `json:"driver"`
			} `json:"tool"`
			Results []struct {
				RuleID  string `json:"ruleId"`
				Level   string `json:"level"`
				Message struct {
					Text string `json:"text"`
				} `json:"message"`
				Locations []struct {
					PhysicalLocation struct {
						ArtifactLocation struct {
							URI string `json:"uri"`
						} `json:"artifactLocation"`
						Region struct {
							StartLine int `json:"startLine"`
							Snippet   struct {
								Text string `json:"text"`
							} `json:"snippet"`
						} `json:"region"`
					} `json:"physicalLocation"`
				} `json:"locations"`
				Suppressions []struct {
					Justification string `json:"justification"`
				} `json:"suppressions"`
			} `json:"results"`
		} `json:"runs"`
	}
	if json.Unmarshal(data, &log) != nil || log.Runs == nil {
		return nil, false
	}
	findings := []Finding{}
	for _, run := range log.Runs {
		for _, result := range run.Results {
			f := Finding{Tool: run.Tool.Driver.Name, Rule: result.RuleID, Level: cmp.Or(result.Level, "warning"), Text: result.Message.Text}
			if len(result.Locations) > 0 {
				at := result.Locations[0].PhysicalLocation
				f.File, f.Line, f.Snippet = at.ArtifactLocation.URI, at.Region.StartLine, clip(at.Region.Snippet.Text, 500)
			}
			for _, s := range result.Suppressions {
				f.Suppressed = cmp.Or(s.Justification, "no reason was given")
			}
			findings = append(findings, f)
		}
	}
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(min(len(a.Suppressed), 1), min(len(b.Suppressed), 1)), cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return findings, true
}

// Covered says how much of a file the tests run.
type Covered struct {
	File       string `json:"file"`
	Statements int    `json:"statements"`
	Run        int    `json:"run"`
}

// coverage reads a coverage profile of the go command.
func coverage(data []byte) ([]Covered, bool) {
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	if !strings.HasPrefix(lines[0], "mode: ") {
		return nil, false
	}
	type block struct {
		statements int
		run        bool
	}
	// The profile has a block once for each test program that could have run it.
	files := map[string]map[string]block{}
	for _, line := range lines[1:] {
		fields := strings.Fields(line)
		if len(fields) != 3 {
			return nil, false
		}
		i := strings.LastIndexByte(fields[0], ':')
		statements, err := strconv.Atoi(fields[1])
		if i < 0 || err != nil {
			return nil, false
		}
		file, at := fields[0][:i], fields[0][i:]
		if files[file] == nil {
			files[file] = map[string]block{}
		}
		files[file][at] = block{statements, files[file][at].run || fields[2] != "0"}
	}
	covered := []Covered{}
	for file, blocks := range files {
		c := Covered{File: file}
		for _, b := range blocks {
			c.Statements += b.statements
			if b.run {
				c.Run += b.statements
			}
		}
		covered = append(covered, c)
	}
	slices.SortFunc(covered, func(a, b Covered) int { return cmp.Compare(a.File, b.File) })
	return covered, true
}

// A Verdict is readiness's decision.
type Verdict struct {
	Verdict   string    `json:"verdict"`
	Commit    string    `json:"commit"`
	Base      string    `json:"base"`
	Package   string    `json:"package"`
	Tolerated int       `json:"tolerated"`
	Waived    int       `json:"waived"`
	Outcomes  []Outcome `json:"outcomes"`
}

// An Outcome is the state of a check.
type Outcome struct {
	ID        string `json:"id"`
	Item      string `json:"item"`
	Title     string `json:"title"`
	Required  bool   `json:"required"`
	Tolerated bool   `json:"tolerated"`
	State     string `json:"state"`
	Counted   string `json:"counted,omitempty"`
	Reason    string `json:"reason,omitempty"`
	Next      string `json:"next,omitempty"`
}

// verdict reads readiness.json.
func verdict(data []byte) (*Verdict, bool) {
	var report struct {
		Summary *Verdict `json:"summary"`
	}
	if json.Unmarshal(data, &report) != nil || report.Summary == nil || report.Summary.Verdict == "" {
		return nil, false
	}
	return report.Summary, true
}
