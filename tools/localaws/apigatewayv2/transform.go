package apigatewayv2

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/magewright/magewright/tools/localaws/payload"
)

var (
	responseStatus = regexp.MustCompile(`^[1-5]\d\d$`)
	responseChange = regexp.MustCompile(`^(?:(append|overwrite|remove):header\.([A-Za-z0-9_-]+)|overwrite:statuscode)$`)
	responseSource = regexp.MustCompile(`\$\{?(context|stageVariables|response\.header)\.([A-Za-z0-9_.-]+)\}?`)
)

// checkResponses checks how an integration's responses are changed.
// See https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-parameter-mapping.html.
func checkResponses(all map[string]map[string]string) error {
	for _, status := range slices.Sorted(maps.Keys(all)) {
		if !responseStatus.MatchString(status) {
			return invalid("Invalid status code %s in the response parameters", status)
		}
		for _, to := range slices.Sorted(maps.Keys(all[status])) {
			from := all[status][to]
			switch {
			case !responseChange.MatchString(to):
				return invalid("Invalid mapping expression specified: %s. It must be append, overwrite or remove:header.NAME, or overwrite:statuscode", to)
			case strings.Contains(responseSource.ReplaceAllString(from, ""), "$"):
				return invalid("The mapping expression %s is not supported by the embedded AWS. It supports text, $context, $stageVariables and $response.header", from)
			case to == "overwrite:statuscode" && !responseStatus.MatchString(from):
				return invalid("Invalid status code specified: %s", from)
			}
		}
	}
	return nil
}

// transform changes a response as the integration says for its status.
func (x *exchange) transform(out *payload.Response) {
	changes := x.route.integration.ResponseParameters[strconv.Itoa(out.Status)]
	given := out.Header.Clone()
	for _, to := range slices.Sorted(maps.Keys(changes)) {
		value := responseSource.ReplaceAllStringFunc(changes[to], func(text string) string {
			m := responseSource.FindStringSubmatch(text)
			switch m[1] {
			case "context":
				return x.variable(m[2])
			case "stageVariables":
				return x.live.StageVariables[m[2]]
			default:
				return strings.Join(given.Values(m[2]), ",")
			}
		})
		m := responseChange.FindStringSubmatch(to)
		switch m[1] {
		case "append":
			out.Header.Add(m[2], value)
		case "overwrite":
			out.Header.Set(m[2], value)
		case "remove":
			out.Header.Del(m[2])
		default:
			if status, err := strconv.Atoi(value); err == nil {
				out.Status = status
			}
		}
	}
}
