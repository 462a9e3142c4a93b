package ssm

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// The keys of filters. Tags have keys of their own: tag:NAME.
// See https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ParameterStringFilter.html.
var (
	describeKeys = []string{"DataType", "KeyId", "Name", "Path", "Tier", "Type"}
	pathKeys     = []string{"KeyId", "Label", "Type"}
)

// filtered returns the names of the parameters that pass all filters, sorted. s is locked.
func (s *Service) filtered(filters []types.ParameterStringFilter, keys []string) ([]string, error) {
	seen := map[string]bool{}
	for _, f := range filters {
		key, option := aws.ToString(f.Key), aws.ToString(f.Option)
		tag := strings.HasPrefix(key, "tag:") && slices.Contains(keys, "Name")
		if !slices.Contains(keys, key) && !tag {
			return nil, &types.InvalidFilterKey{Message: aws.String("The following filter key is not valid: " + key + ". Valid filter keys include: [" + strings.Join(keys, ", ") + "].")}
		}
		if seen[key] {
			return nil, invalid("The following filters are duplicated in the request: %s.", key)
		}
		seen[key] = true
		options := []string{"", "Equals", "BeginsWith"}
		switch key {
		case "Name":
			options = []string{"", "Equals", "BeginsWith", "Contains"}
		case "Path":
			options = []string{"OneLevel", "Recursive"}
		case "Label":
			options = []string{"", "Equals"}
		}
		if !slices.Contains(options, option) {
			return nil, &types.InvalidFilterOption{Message: aws.String("The following filter option is not valid: " + option + ". Valid options include: [" + strings.TrimPrefix(strings.Join(options, ", "), ", ") + "].")}
		}
		if len(f.Values) == 0 && !tag {
			return nil, &types.InvalidFilterValue{Message: aws.String("The following filter values are missing : null for filter key " + key)}
		}
	}
	return slices.DeleteFunc(slices.Sorted(maps.Keys(s.parameters)), func(name string) bool {
		return slices.ContainsFunc(filters, func(f types.ParameterStringFilter) bool { return !s.parameters[name].passes(f) })
	}), nil
}

// passes reports whether a parameter passes a filter.
func (p *parameter) passes(f types.ParameterStringFilter) bool {
	newest := p.versions[len(p.versions)-1]
	key, option := aws.ToString(f.Key), aws.ToString(f.Option)
	var values []string
	switch key {
	case "Name", "Path":
		values = []string{p.name}
	case "Type":
		values = []string{string(p.kind)}
	case "Tier":
		values = []string{string(newest.tier)}
	case "DataType":
		values = []string{"text"}
	case "KeyId":
		values = []string{aws.ToString(newest.keyID)}
	case "Label":
		values = newest.labels
	default:
		tag, ok := p.tags[strings.TrimPrefix(key, "tag:")]
		if !ok {
			return false
		}
		if len(f.Values) == 0 {
			return true
		}
		values = []string{tag}
	}
	return slices.ContainsFunc(values, func(have string) bool {
		return slices.ContainsFunc(f.Values, func(want string) bool {
			switch option {
			case "BeginsWith":
				// A name may be given without its slash.
				return strings.HasPrefix(have, want) || key == "Name" && strings.HasPrefix(have, "/"+want)
			case "Contains":
				return strings.Contains(have, want)
			case "OneLevel", "Recursive":
				rest, ok := strings.CutPrefix(have, strings.TrimSuffix(want, "/")+"/")
				return ok && (option == "Recursive" || !strings.Contains(rest, "/"))
			default:
				return have == want || key == "Name" && have == "/"+want
			}
		})
	})
}

// maxLabels is the number of labels that a version may have.
const maxLabels = 10

var validLabel = regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,100}$`)

// LabelParameterVersion gives labels to a version, the newest one by default. A label
// that another version has is moved. Labels that are not valid are reported.
// See https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-labels.html.
func (s *Service) LabelParameterVersion(_ context.Context, in *awsssm.LabelParameterVersionInput) (*awsssm.LabelParameterVersionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, i, err := s.labelled(in.Name, in.ParameterVersion)
	if err != nil {
		return nil, err
	}
	out := &awsssm.LabelParameterVersionOutput{ParameterVersion: p.versions[i].number}
	var wanted []string
	for _, label := range in.Labels {
		lower := strings.ToLower(label)
		if !validLabel.MatchString(label) || label[0] >= '0' && label[0] <= '9' || strings.HasPrefix(lower, "aws") || strings.HasPrefix(lower, "ssm") {
			out.InvalidLabels = append(out.InvalidLabels, label)
		} else if !slices.Contains(wanted, label) {
			wanted = append(wanted, label)
		}
	}
	kept := slices.DeleteFunc(slices.Clone(p.versions[i].labels), func(label string) bool { return slices.Contains(wanted, label) })
	if len(kept)+len(wanted) > maxLabels {
		return nil, &types.ParameterVersionLabelLimitExceeded{Message: aws.String("A parameter version can have maximum 10 labels. Move one or more labels to another version and try again.")}
	}
	for j := range p.versions {
		p.versions[j].labels = slices.DeleteFunc(slices.Clone(p.versions[j].labels), func(label string) bool { return slices.Contains(wanted, label) })
	}
	p.versions[i].labels = slices.Concat(kept, wanted)
	return out, nil
}

// UnlabelParameterVersion removes labels from a version. Labels that the version has
// not are reported.
func (s *Service) UnlabelParameterVersion(_ context.Context, in *awsssm.UnlabelParameterVersionInput) (*awsssm.UnlabelParameterVersionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, i, err := s.labelled(in.Name, in.ParameterVersion)
	if err != nil {
		return nil, err
	}
	out := &awsssm.UnlabelParameterVersionOutput{}
	labels := slices.Clone(p.versions[i].labels)
	for _, label := range in.Labels {
		if j := slices.Index(labels, label); j >= 0 {
			labels = slices.Delete(labels, j, j+1)
			out.RemovedLabels = append(out.RemovedLabels, label)
		} else {
			out.InvalidLabels = append(out.InvalidLabels, label)
		}
	}
	p.versions[i].labels = labels
	return out, nil
}

// labelled finds a version of a parameter, the newest one if number is nil. s is locked.
func (s *Service) labelled(name *string, number *int64) (*parameter, int, error) {
	p, ok := s.parameters[s.name(aws.ToString(name))]
	if !ok {
		return nil, 0, &types.ParameterNotFound{Message: aws.String("Parameter " + aws.ToString(name) + " not found.")}
	}
	if number == nil {
		return p, len(p.versions) - 1, nil
	}
	i := slices.IndexFunc(p.versions, func(v version) bool { return v.number == *number })
	if i < 0 {
		return nil, 0, &types.ParameterVersionNotFound{Message: aws.String("Systems Manager could not find that version of " + p.name + ".")}
	}
	return p, i, nil
}
