package releases

import (
	_ "embed"
	"html/template"
	"time"
)

// A view is what is shown.
type view struct {
	Name       string
	At         time.Time
	Serving    []serving
	Releases   []release
	Stage      string
	Figures    []figure
	Unknown    []string
	Unreadable []string
}

//go:embed page.html
var pageText string

var pages = template.Must(template.New("releases").Funcs(template.FuncMap{
	"short": func(commit string) string { return commit[:min(12, len(commit))] },
	"time":  func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
	"where": deployment.where,
	"why":   deployment.why,
}).Parse(pageText))
