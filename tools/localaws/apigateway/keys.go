package apigateway

import (
	"context"
	"crypto/rand"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsapi "github.com/aws/aws-sdk-go-v2/service/apigateway"
	"github.com/aws/aws-sdk-go-v2/service/apigateway/types"

	"github.com/magewright/magewright/tools/localaws/executeapi"
)

// A plan is a usage plan with its keys and what they have used.
type plan struct {
	types.UsagePlan
	keys map[string]*usage // by the id of the key
}

// A usage is what a key has used of a plan.
type usage struct {
	bucket executeapi.Bucket

	mu     sync.Mutex
	period time.Time // when the present period began
	count  int32     // of requests in the period
}

var apiKeyValue = regexp.MustCompile(`^[ -~]{20,128}$`)

// CreateApiKey creates an API key.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_CreateApiKey.html.
func (s *Service) CreateApiKey(_ context.Context, in *awsapi.CreateApiKeyInput) (*awsapi.CreateApiKeyOutput, error) {
	k := &types.ApiKey{}
	executeapi.Assign(k, in)
	now := s.account.Clock.Now()
	k.Id, k.CreatedDate, k.LastUpdatedDate, k.Tags = aws.String(executeapi.NewID()), aws.Time(now), aws.Time(now), maps.Clone(in.Tags)
	if aws.ToString(k.Value) == "" {
		k.Value = aws.String(rand.Text() + rand.Text()[:14])
	}
	if !apiKeyValue.MatchString(*k.Value) {
		return nil, invalid("API Key value should be at least 20 characters")
	}
	k.StageKeys = nil
	for _, st := range in.StageKeys {
		k.StageKeys = append(k.StageKeys, aws.ToString(st.RestApiId)+"/"+aws.ToString(st.StageName))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, other := range s.keys {
		if *other.Value == *k.Value {
			return nil, conflict("API Key already exists")
		}
	}
	s.keys[*k.Id] = k
	out := &awsapi.CreateApiKeyOutput{}
	executeapi.Assign(out, k)
	return out, nil
}

func (s *Service) key(id *string) (*types.ApiKey, error) {
	if k := s.keys[aws.ToString(id)]; k != nil {
		return k, nil
	}
	return nil, notFound("Invalid API Key identifier specified")
}

// GetApiKey describes an API key.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_GetApiKey.html.
func (s *Service) GetApiKey(_ context.Context, in *awsapi.GetApiKeyInput) (*awsapi.GetApiKeyOutput, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	k, err := s.key(in.ApiKey)
	if err != nil {
		return nil, err
	}
	out := &awsapi.GetApiKeyOutput{}
	executeapi.Assign(out, k)
	if !aws.ToBool(in.IncludeValue) {
		out.Value = nil
	}
	return out, nil
}

// GetApiKeys lists the API keys.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_GetApiKeys.html.
func (s *Service) GetApiKeys(_ context.Context, in *awsapi.GetApiKeysInput) (*awsapi.GetApiKeysOutput, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := []types.ApiKey{}
	for _, k := range executeapi.Sorted(s.keys) {
		if in.NameQuery != nil && !strings.HasPrefix(aws.ToString(k.Name), *in.NameQuery) || in.CustomerId != nil && aws.ToString(k.CustomerId) != *in.CustomerId {
			continue
		}
		if !aws.ToBool(in.IncludeValues) {
			k.Value = nil
		}
		all = append(all, k)
	}
	items, next, err := page(all, in.Position, in.Limit)
	return &awsapi.GetApiKeysOutput{Items: items, Position: next}, err
}

// UpdateApiKey changes an API key.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_UpdateApiKey.html.
func (s *Service) UpdateApiKey(_ context.Context, in *awsapi.UpdateApiKeyInput) (*awsapi.UpdateApiKeyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.key(in.ApiKey)
	if err != nil {
		return nil, err
	}
	next := *k
	if err := patch(in.PatchOperations, func(path string, value *string) (bool, error) {
		switch path {
		case "/name":
			next.Name = value
		case "/description":
			next.Description = value
		case "/customerId":
			next.CustomerId = value
		case "/enabled":
			next.Enabled = aws.ToString(value) == "true"
		default:
			return false, nil
		}
		return true, nil
	}); err != nil {
		return nil, err
	}
	next.LastUpdatedDate = aws.Time(s.account.Clock.Now())
	s.keys[*next.Id] = &next
	out := &awsapi.UpdateApiKeyOutput{}
	executeapi.Assign(out, &next)
	out.Value = nil
	return out, nil
}

// DeleteApiKey deletes an API key.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_DeleteApiKey.html.
func (s *Service) DeleteApiKey(_ context.Context, in *awsapi.DeleteApiKeyInput) (*awsapi.DeleteApiKeyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.key(in.ApiKey)
	if err != nil {
		return nil, err
	}
	delete(s.keys, *k.Id)
	for _, p := range s.plans {
		delete(p.keys, *k.Id)
	}
	return &awsapi.DeleteApiKeyOutput{}, nil
}

// checkPlan checks a usage plan that is about to exist.
func (s *Service) checkPlan(p *types.UsagePlan) error {
	if aws.ToString(p.Name) == "" {
		return invalid("Usage Plan name can't be blank")
	}
	seen := map[string]bool{}
	for _, st := range p.ApiStages {
		a, err := s.find(st.ApiId)
		if err != nil {
			return err
		}
		if _, err := a.stage(st.Stage); err != nil {
			return notFound("API Stage not found: %s:%s", aws.ToString(st.ApiId), aws.ToString(st.Stage))
		}
		key := *st.ApiId + ":" + *st.Stage
		if seen[key] {
			return conflict("API Stage is already associated with this usage plan: %s", key)
		}
		seen[key] = true
	}
	if q := p.Quota; q != nil && (q.Limit < 0 || !slices.Contains(q.Period.Values(), q.Period)) {
		return invalid("Usage Plan quota needs a limit and a period of DAY, WEEK or MONTH")
	}
	if q := p.Quota; q != nil && q.Offset != 0 {
		return unsupported("The offset of a quota")
	}
	if t := p.Throttle; t != nil && (t.BurstLimit < 0 || t.RateLimit < 0) {
		return invalid("Usage Plan throttle limits must not be negative")
	}
	return nil
}

// CreateUsagePlan creates a usage plan.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_CreateUsagePlan.html.
func (s *Service) CreateUsagePlan(_ context.Context, in *awsapi.CreateUsagePlanInput) (*awsapi.CreateUsagePlanOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &plan{keys: map[string]*usage{}}
	executeapi.Assign(&p.UsagePlan, in)
	p.Id, p.Tags = aws.String(executeapi.NewID()[:6]), maps.Clone(in.Tags)
	if err := s.checkPlan(&p.UsagePlan); err != nil {
		return nil, err
	}
	s.plans[*p.Id] = p
	out := &awsapi.CreateUsagePlanOutput{}
	executeapi.Assign(out, &p.UsagePlan)
	return out, nil
}

func (s *Service) plan(id *string) (*plan, error) {
	if p := s.plans[aws.ToString(id)]; p != nil {
		return p, nil
	}
	return nil, notFound("Invalid Usage Plan ID specified")
}

// GetUsagePlan describes a usage plan.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_GetUsagePlan.html.
func (s *Service) GetUsagePlan(_ context.Context, in *awsapi.GetUsagePlanInput) (*awsapi.GetUsagePlanOutput, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	p, err := s.plan(in.UsagePlanId)
	if err != nil {
		return nil, err
	}
	out := &awsapi.GetUsagePlanOutput{}
	executeapi.Assign(out, &p.UsagePlan)
	return out, nil
}

// GetUsagePlans lists the usage plans.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_GetUsagePlans.html.
func (s *Service) GetUsagePlans(_ context.Context, in *awsapi.GetUsagePlansInput) (*awsapi.GetUsagePlansOutput, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := []types.UsagePlan{}
	for _, id := range slices.Sorted(maps.Keys(s.plans)) {
		if p := s.plans[id]; in.KeyId == nil || p.keys[*in.KeyId] != nil {
			all = append(all, p.UsagePlan)
		}
	}
	items, next, err := page(all, in.Position, in.Limit)
	return &awsapi.GetUsagePlansOutput{Items: items, Position: next}, err
}

// UpdateUsagePlan changes a usage plan.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_UpdateUsagePlan.html.
func (s *Service) UpdateUsagePlan(_ context.Context, in *awsapi.UpdateUsagePlanInput) (*awsapi.UpdateUsagePlanOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.plan(in.UsagePlanId)
	if err != nil {
		return nil, err
	}
	next := p.UsagePlan
	next.ApiStages = slices.Clone(next.ApiStages)
	if next.Throttle != nil {
		next.Throttle = clone(next.Throttle)
	}
	if next.Quota != nil {
		next.Quota = clone(next.Quota)
	}
	for _, op := range in.PatchOperations {
		if aws.ToString(op.Path) == "/apiStages" {
			// The value says which stage is added or removed.
			if err := changeStages(&next, op); err != nil {
				return nil, err
			}
			continue
		}
		if err := patch([]types.PatchOperation{op}, func(path string, value *string) (bool, error) { return setPlan(&next, path, value) }); err != nil {
			return nil, err
		}
	}
	if err := s.checkPlan(&next); err != nil {
		return nil, err
	}
	p.UsagePlan = next
	out := &awsapi.UpdateUsagePlanOutput{}
	executeapi.Assign(out, &next)
	return out, nil
}

func changeStages(p *types.UsagePlan, op types.PatchOperation) error {
	id, stage, ok := strings.Cut(aws.ToString(op.Value), ":")
	if !ok {
		return invalid("Invalid API stage specified: %s", aws.ToString(op.Value))
	}
	switch op.Op {
	case types.OpAdd:
		p.ApiStages = append(p.ApiStages, types.ApiStage{ApiId: &id, Stage: &stage})
	case types.OpRemove:
		p.ApiStages = slices.DeleteFunc(p.ApiStages, func(st types.ApiStage) bool { return *st.ApiId == id && *st.Stage == stage })
	default:
		return invalid("Invalid patch path '/apiStages' specified for op '%s'", op.Op)
	}
	return nil
}

func setPlan(p *types.UsagePlan, path string, value *string) (bool, error) {
	text := aws.ToString(value)
	n, err := strconv.ParseFloat(text, 64)
	if strings.HasSuffix(path, "imit") && (err != nil || n < 0) {
		return true, invalid("Invalid limit specified: %s", text)
	}
	throttle := func() *types.ThrottleSettings {
		if p.Throttle == nil {
			p.Throttle = &types.ThrottleSettings{}
		}
		return p.Throttle
	}
	quota := func() *types.QuotaSettings {
		if p.Quota == nil {
			p.Quota = &types.QuotaSettings{Period: types.QuotaPeriodTypeDay}
		}
		return p.Quota
	}
	switch {
	case path == "/name":
		p.Name = value
	case path == "/description":
		p.Description = value
	case path == "/throttle" && value == nil:
		p.Throttle = nil
	case path == "/quota" && value == nil:
		p.Quota = nil
	case path == "/throttle/rateLimit":
		throttle().RateLimit = n
	case path == "/throttle/burstLimit":
		throttle().BurstLimit = int32(n)
	case path == "/quota/limit":
		quota().Limit = int32(n)
	case path == "/quota/period":
		quota().Period = types.QuotaPeriodType(text)
	default:
		return false, nil
	}
	return true, nil
}

// DeleteUsagePlan deletes a usage plan.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_DeleteUsagePlan.html.
func (s *Service) DeleteUsagePlan(_ context.Context, in *awsapi.DeleteUsagePlanInput) (*awsapi.DeleteUsagePlanOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.plan(in.UsagePlanId)
	if err != nil {
		return nil, err
	}
	if len(p.ApiStages) > 0 {
		return nil, invalid("Cannot delete Usage Plan '%s' because it has associated API stages", *p.Id)
	}
	delete(s.plans, *p.Id)
	return &awsapi.DeleteUsagePlanOutput{}, nil
}

// CreateUsagePlanKey adds an API key to a usage plan.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_CreateUsagePlanKey.html.
func (s *Service) CreateUsagePlanKey(_ context.Context, in *awsapi.CreateUsagePlanKeyInput) (*awsapi.CreateUsagePlanKeyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.plan(in.UsagePlanId)
	if err != nil {
		return nil, err
	}
	if aws.ToString(in.KeyType) != "API_KEY" {
		return nil, invalid("Usage Plan key type must be API_KEY")
	}
	k, err := s.key(in.KeyId)
	if err != nil {
		return nil, err
	}
	if p.keys[*k.Id] != nil {
		return nil, conflict("Usage plan %s cannot be added because API Key %s is already part of it", *p.Id, *k.Id)
	}
	p.keys[*k.Id] = &usage{}
	return &awsapi.CreateUsagePlanKeyOutput{Id: k.Id, Name: k.Name, Type: in.KeyType, Value: k.Value}, nil
}

// GetUsagePlanKey describes a key of a usage plan.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_GetUsagePlanKey.html.
func (s *Service) GetUsagePlanKey(_ context.Context, in *awsapi.GetUsagePlanKeyInput) (*awsapi.GetUsagePlanKeyOutput, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	p, err := s.plan(in.UsagePlanId)
	if err != nil {
		return nil, err
	}
	k := s.keys[aws.ToString(in.KeyId)]
	if k == nil || p.keys[*k.Id] == nil {
		return nil, notFound("Invalid Usage Plan Key ID specified")
	}
	return &awsapi.GetUsagePlanKeyOutput{Id: k.Id, Name: k.Name, Type: aws.String("API_KEY"), Value: k.Value}, nil
}

// GetUsagePlanKeys lists the keys of a usage plan.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_GetUsagePlanKeys.html.
func (s *Service) GetUsagePlanKeys(_ context.Context, in *awsapi.GetUsagePlanKeysInput) (*awsapi.GetUsagePlanKeysOutput, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	p, err := s.plan(in.UsagePlanId)
	if err != nil {
		return nil, err
	}
	all := []types.UsagePlanKey{}
	for _, id := range slices.Sorted(maps.Keys(p.keys)) {
		k := s.keys[id]
		if in.NameQuery == nil || strings.HasPrefix(aws.ToString(k.Name), *in.NameQuery) {
			all = append(all, types.UsagePlanKey{Id: k.Id, Name: k.Name, Type: aws.String("API_KEY"), Value: k.Value})
		}
	}
	items, next, err := page(all, in.Position, in.Limit)
	return &awsapi.GetUsagePlanKeysOutput{Items: items, Position: next}, err
}

// DeleteUsagePlanKey removes a key from a usage plan.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_DeleteUsagePlanKey.html.
func (s *Service) DeleteUsagePlanKey(_ context.Context, in *awsapi.DeleteUsagePlanKeyInput) (*awsapi.DeleteUsagePlanKeyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.plan(in.UsagePlanId)
	if err != nil {
		return nil, err
	}
	if p.keys[aws.ToString(in.KeyId)] == nil {
		return nil, notFound("Invalid Usage Plan Key ID specified")
	}
	delete(p.keys, *in.KeyId)
	return &awsapi.DeleteUsagePlanKeyOutput{}, nil
}

// identify returns the API key with a value, if a usage plan gives it the stage, and
// whether the plan still allows a request at a time: "" if it does, else the type of
// the gateway response.
func (s *Service) identify(value, api, stage string, now time.Time) (key *types.ApiKey, refusal string) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, k := range s.keys {
		if *k.Value == value && k.Enabled {
			key = k
		}
	}
	if key == nil || value == "" {
		return nil, "INVALID_API_KEY"
	}
	for _, id := range slices.Sorted(maps.Keys(s.plans)) {
		p := s.plans[id]
		u := p.keys[*key.Id]
		if u == nil || !slices.ContainsFunc(p.ApiStages, func(st types.ApiStage) bool { return *st.ApiId == api && *st.Stage == stage }) {
			continue
		}
		if t := p.Throttle; t != nil && !u.bucket.Take(now, t.RateLimit, float64(t.BurstLimit)) {
			return key, "THROTTLED"
		}
		if q := p.Quota; q != nil && !u.take(now, q) {
			return key, "QUOTA_EXCEEDED"
		}
		return key, ""
	}
	return nil, "INVALID_API_KEY"
}

// take counts a request, unless the quota of the period is used up.
func (u *usage) take(now time.Time, q *types.QuotaSettings) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	now = now.UTC()
	begin := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, time.UTC)
	switch q.Period {
	case types.QuotaPeriodTypeWeek:
		begin = begin.AddDate(0, 0, -int(begin.Weekday()))
	case types.QuotaPeriodTypeMonth:
		begin = begin.AddDate(0, 0, 1-begin.Day())
	}
	if !u.period.Equal(begin) {
		u.period, u.count = begin, 0
	}
	if u.count >= q.Limit {
		return false
	}
	u.count++
	return true
}

func clone[T any](v *T) *T {
	next := *v
	return &next
}
