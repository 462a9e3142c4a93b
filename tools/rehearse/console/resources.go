package console

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscloudformation "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	awslogs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// The kinds of things that are shown.
const (
	kindStack     = "stack"
	kindFunction  = "function"
	kindAlarm     = "alarm"
	kindTopic     = "topic"
	kindQueue     = "queue"
	kindTable     = "table"
	kindParameter = "parameter"
	kindBucket    = "bucket"
)

// A Ref leads to a thing, or to the requests of a caller.
type Ref struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
}

// An Item is a thing in the list of what exists.
type Item struct {
	Ref
	State string `json:"state,omitempty"`
	Says  string `json:"says,omitempty"`
	Stack string `json:"stack,omitempty"` // the stack that made it
}

// A Thing is something that exists.
type Thing struct {
	Ref
	Facts  []Fact  `json:"facts"`
	Tables []Table `json:"tables"`
}

// A Fact is a property of a thing.
type Fact struct {
	Name string `json:"name"`
	Cell
}

// A Table is about a thing. If it has no rows, Empty says what that means.
type Table struct {
	Title   string   `json:"title"`
	Columns []string `json:"columns"`
	Rows    [][]Cell `json:"rows"`
	Empty   string   `json:"empty"`
}

// A Cell is a text of a table.
type Cell struct {
	Text  string  `json:"text"`
	To    *Ref    `json:"to,omitempty"`
	Log   *Stream `json:"log,omitempty"`
	State bool    `json:"state,omitempty"` // whether the text is a state
	Code  bool    `json:"code,omitempty"`
}

// rows is how many rows a table has at most.
const rows = 200

func plain(text string) Cell { return Cell{Text: text} }
func code(text string) Cell  { return Cell{Text: text, Code: true} }
func state(text string) Cell { return Cell{Text: text, State: true} }
func at(t *time.Time) Cell {
	if t == nil {
		return Cell{}
	}
	return Cell{Text: t.UTC().Format("2006-01-02 15:04:05")}
}

// typesShown are the types of resources that are shown, with the properties that name them.
var typesShown = map[string]struct {
	kind string
	name func(id string) string
}{
	"AWS::CloudFormation::Stack": {kindStack, lastOfARN},
	"AWS::Lambda::Function":      {kindFunction, same},
	"AWS::CloudWatch::Alarm":     {kindAlarm, same},
	"AWS::SNS::Topic":            {kindTopic, lastOfARN},
	"AWS::SQS::Queue":            {kindQueue, afterSlash},
	"AWS::DynamoDB::Table":       {kindTable, same},
	"AWS::DynamoDB::GlobalTable": {kindTable, same},
	"AWS::SSM::Parameter":        {kindParameter, same},
	"AWS::S3::Bucket":            {kindBucket, same},
}

func same(id string) string       { return id }
func lastOfARN(id string) string  { return id[strings.LastIndexByte(id, ':')+1:] }
func afterSlash(id string) string { return id[strings.LastIndexByte(id, '/')+1:] }

// refOf returns the thing for a stack's resource, or nil.
func refOf(resourceType, id string) *Ref {
	shown, ok := typesShown[resourceType]
	if !ok || id == "" {
		return nil
	}
	return &Ref{shown.kind, shown.name(id)}
}

// things lists what exists.
func (c *Console) things(ctx context.Context) (any, error) {
	items := []Item{}
	for _, list := range []func(context.Context) ([]Item, error){
		c.stacks, c.functions, c.alarms, c.topics, c.queues, c.tables, c.parameters, c.buckets,
	} {
		more, err := list(ctx)
		if err != nil {
			return nil, err
		}
		slices.SortFunc(more, func(a, b Item) int { return cmp.Compare(a.Name, b.Name) })
		items = append(items, more...)
	}
	made := map[Ref]string{}
	for _, item := range items {
		if item.Kind != kindStack {
			continue
		}
		resources, err := c.resourcesOf(ctx, item.Name)
		if err != nil {
			return nil, err
		}
		for _, r := range resources {
			if ref := refOf(aws.ToString(r.ResourceType), aws.ToString(r.PhysicalResourceId)); ref != nil {
				made[*ref] = item.Name
			}
		}
	}
	for i := range items {
		items[i].Stack = made[items[i].Ref]
	}
	return items, nil
}

func (c *Console) resourcesOf(ctx context.Context, stack string) ([]cfntypes.StackResourceSummary, error) {
	var all []cfntypes.StackResourceSummary
	in := &awscloudformation.ListStackResourcesInput{StackName: &stack}
	for {
		page, err := c.aws.Stacks.ListStackResources(ctx, in)
		if err != nil {
			return nil, err
		}
		all = append(all, page.StackResourceSummaries...)
		if in.NextToken = page.NextToken; in.NextToken == nil {
			return all, nil
		}
	}
}

func (c *Console) stacks(ctx context.Context) (items []Item, err error) {
	listed, err := c.aws.Stacks.DescribeStacks(ctx, &awscloudformation.DescribeStacksInput{})
	if err != nil {
		return nil, err
	}
	for _, s := range listed.Stacks {
		items = append(items, Item{Ref: Ref{kindStack, aws.ToString(s.StackName)}, State: string(s.StackStatus), Says: aws.ToString(s.Description)})
	}
	return items, nil
}

func (c *Console) functions(ctx context.Context) (items []Item, err error) {
	in := &awslambda.ListFunctionsInput{}
	for {
		page, err := c.aws.Functions.ListFunctions(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, f := range page.Functions {
			items = append(items, Item{Ref: Ref{kindFunction, aws.ToString(f.FunctionName)}, State: string(f.State), Says: fmt.Sprintf("%d MB", aws.ToInt32(f.MemorySize))})
		}
		if in.Marker = page.NextMarker; in.Marker == nil {
			return items, nil
		}
	}
}

func (c *Console) alarms(ctx context.Context) (items []Item, err error) {
	described, err := c.aws.Metrics.DescribeAlarms(ctx, &awscloudwatch.DescribeAlarmsInput{AlarmTypes: []cwtypes.AlarmType{cwtypes.AlarmTypeMetricAlarm, cwtypes.AlarmTypeCompositeAlarm}})
	if err != nil {
		return nil, err
	}
	for _, a := range described.MetricAlarms {
		items = append(items, Item{Ref: Ref{kindAlarm, aws.ToString(a.AlarmName)}, State: string(a.StateValue), Says: aws.ToString(a.AlarmDescription)})
	}
	for _, a := range described.CompositeAlarms {
		items = append(items, Item{Ref: Ref{kindAlarm, aws.ToString(a.AlarmName)}, State: string(a.StateValue), Says: aws.ToString(a.AlarmRule)})
	}
	return items, nil
}

func (c *Console) topics(ctx context.Context) (items []Item, err error) {
	listed, err := c.aws.Topics.ListTopics(ctx, &awssns.ListTopicsInput{})
	if err != nil {
		return nil, err
	}
	for _, t := range listed.Topics {
		n := len(c.aws.Topics.Messages(aws.ToString(t.TopicArn)))
		items = append(items, Item{Ref: Ref{kindTopic, lastOfARN(aws.ToString(t.TopicArn))}, Says: plural(n, "message")})
	}
	return items, nil
}

func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}

func (c *Console) queues(ctx context.Context) (items []Item, err error) {
	listed, err := c.aws.Queues.ListQueues(ctx, &awssqs.ListQueuesInput{})
	if err != nil {
		return nil, err
	}
	for _, address := range listed.QueueUrls {
		got, err := c.aws.Queues.GetQueueAttributes(ctx, &awssqs.GetQueueAttributesInput{QueueUrl: &address, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameAll}})
		if err != nil {
			continue // it was deleted just now
		}
		items = append(items, Item{Ref: Ref{kindQueue, afterSlash(address)}, Says: got.Attributes["ApproximateNumberOfMessages"] + " waiting, " + got.Attributes["ApproximateNumberOfMessagesNotVisible"] + " in flight"})
	}
	return items, nil
}

func (c *Console) tables(ctx context.Context) (items []Item, err error) {
	listed, err := c.aws.Tables.ListTables(ctx, &awsdynamodb.ListTablesInput{})
	if err != nil {
		return nil, err
	}
	for _, name := range listed.TableNames {
		got, err := c.aws.Tables.DescribeTable(ctx, &awsdynamodb.DescribeTableInput{TableName: &name})
		if err != nil {
			continue // it was deleted just now
		}
		items = append(items, Item{Ref: Ref{kindTable, name}, State: string(got.Table.TableStatus), Says: plural(int(aws.ToInt64(got.Table.ItemCount)), "item")})
	}
	return items, nil
}

func (c *Console) parameters(ctx context.Context) (items []Item, err error) {
	in := &awsssm.DescribeParametersInput{}
	for {
		page, err := c.aws.Parameters.DescribeParameters(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, p := range page.Parameters {
			items = append(items, Item{Ref: Ref{kindParameter, aws.ToString(p.Name)}, Says: aws.ToString(p.Description)})
		}
		if in.NextToken = page.NextToken; in.NextToken == nil {
			return items, nil
		}
	}
}

func (c *Console) buckets(ctx context.Context) (items []Item, err error) {
	listed, err := c.aws.Buckets.ListBuckets(ctx, &awss3.ListBucketsInput{})
	if err != nil {
		return nil, err
	}
	for _, b := range listed.Buckets {
		items = append(items, Item{Ref: Ref{kindBucket, aws.ToString(b.Name)}})
	}
	return items, nil
}

// thing reads one of the things.
func (c *Console) thing(ctx context.Context, kind, name string) (any, error) {
	read, ok := map[string]func(context.Context, *Thing) error{
		kindStack: c.stackThing, kindFunction: c.functionThing, kindAlarm: c.alarmThing, kindTopic: c.topicThing,
		kindQueue: c.queueThing, kindTable: c.tableThing, kindParameter: c.parameterThing, kindBucket: c.bucketThing,
	}[kind]
	if !ok {
		return nil, &failure{http.StatusNotFound, fmt.Sprintf("There are no things called %q.", kind)}
	}
	t := &Thing{Ref: Ref{kind, name}, Facts: []Fact{}, Tables: []Table{}}
	if err := read(ctx, t); err != nil {
		return nil, err
	}
	for i := range t.Tables {
		if t.Tables[i].Rows == nil {
			t.Tables[i].Rows = [][]Cell{}
		}
		t.Tables[i].Rows = t.Tables[i].Rows[:min(len(t.Tables[i].Rows), rows)]
	}
	return t, nil
}

func (t *Thing) fact(name string, value Cell) {
	if value.Text != "" {
		t.Facts = append(t.Facts, Fact{name, value})
	}
}

func (c *Console) stackThing(ctx context.Context, t *Thing) error {
	described, err := c.aws.Stacks.DescribeStacks(ctx, &awscloudformation.DescribeStacksInput{StackName: &t.Name})
	if err != nil {
		return err
	}
	s := described.Stacks[0]
	t.fact("Status", state(string(s.StackStatus)))
	t.fact("Because", plain(aws.ToString(s.StackStatusReason)))
	t.fact("Description", plain(aws.ToString(s.Description)))
	t.fact("Created", at(s.CreationTime))
	t.fact("Updated", at(s.LastUpdatedTime))
	outputs := Table{Title: "Outputs", Columns: []string{"Name", "Value"}, Empty: "The stack has no outputs."}
	for _, o := range s.Outputs {
		outputs.Rows = append(outputs.Rows, []Cell{plain(aws.ToString(o.OutputKey)), code(aws.ToString(o.OutputValue))})
	}
	resources := Table{Title: "Resources", Columns: []string{"Resource", "Type", "Status", "Physical id"}, Empty: "The stack has no resources."}
	all, err := c.resourcesOf(ctx, t.Name)
	if err != nil {
		return err
	}
	for _, r := range all {
		id := code(aws.ToString(r.PhysicalResourceId))
		id.To = refOf(aws.ToString(r.ResourceType), id.Text)
		resources.Rows = append(resources.Rows, []Cell{plain(aws.ToString(r.LogicalResourceId)), plain(aws.ToString(r.ResourceType)), state(string(r.ResourceStatus)), id})
	}
	events := Table{Title: "Events, the newest first", Columns: []string{"Time", "Resource", "Status", "Because"}, Empty: "Nothing has happened."}
	happened, err := c.aws.Stacks.DescribeStackEvents(ctx, &awscloudformation.DescribeStackEventsInput{StackName: &t.Name})
	if err != nil {
		return err
	}
	for _, e := range happened.StackEvents {
		events.Rows = append(events.Rows, []Cell{at(e.Timestamp), plain(aws.ToString(e.LogicalResourceId)), state(string(e.ResourceStatus)), plain(aws.ToString(e.ResourceStatusReason))})
	}
	changes, err := c.changeSets(ctx, t.Name, aws.ToString(s.ChangeSetId))
	if err != nil {
		return err
	}
	t.Tables = append(append(t.Tables, changes...), resources, events, outputs)
	return nil
}

// changeSets returns a table of what the change set changed that the stack was deployed by
// last, if one was, and of each that nobody has executed.
func (c *Console) changeSets(ctx context.Context, stack, last string) ([]Table, error) {
	listed, err := c.aws.Stacks.ListChangeSets(ctx, &awscloudformation.ListChangeSetsInput{StackName: &stack})
	if err != nil {
		return nil, err
	}
	var tables []Table
	for _, set := range slices.Backward(listed.Summaries) {
		id := aws.ToString(set.ChangeSetId)
		t := Table{Columns: []string{"Action", "Resource", "Type", "Property", "Before", "After"}, Empty: "It changes no resource."}
		switch {
		case id == last:
			t.Title = "What changed last"
		case set.ExecutionStatus == cfntypes.ExecutionStatusAvailable:
			t.Title = "What would change by " + aws.ToString(set.ChangeSetName) + ", which nobody has executed"
		default:
			continue
		}
		in := &awscloudformation.DescribeChangeSetInput{ChangeSetName: &id, IncludePropertyValues: aws.Bool(true)}
		for {
			page, err := c.aws.Stacks.DescribeChangeSet(ctx, in)
			if err != nil {
				return nil, err
			}
			for _, change := range page.Changes {
				t.Rows = append(t.Rows, changeRows(change.ResourceChange)...)
			}
			if page.NextToken == nil || len(t.Rows) >= rows {
				break
			}
			in.NextToken = page.NextToken
		}
		tables = append(tables, t)
	}
	return tables, nil
}

// changeRows returns a row for each property of a resource that changes, or one for all
// of a resource that is added or removed.
func changeRows(r *cfntypes.ResourceChange) [][]Cell {
	action := string(r.Action)
	switch r.Replacement {
	case cfntypes.ReplacementTrue:
		action += ", replaced"
	case cfntypes.ReplacementConditional:
		action += ", perhaps replaced"
	}
	id := plain(aws.ToString(r.LogicalResourceId))
	id.To = refOf(aws.ToString(r.ResourceType), aws.ToString(r.PhysicalResourceId))
	begin := []Cell{plain(action), id, plain(aws.ToString(r.ResourceType))}
	var all [][]Cell
	for _, d := range r.Details {
		name := cmp.Or(strings.TrimPrefix(aws.ToString(d.Target.Path), "/Properties/"), aws.ToString(d.Target.Name), string(d.Target.Attribute))
		for _, leaf := range leaves(name, d.Target.BeforeValue, d.Target.AfterValue) {
			row := append(slices.Clone(begin), plain(leaf[0]), code(leaf[1]), code(leaf[2]))
			// A property may be named for several reasons.
			if !slices.ContainsFunc(all, func(other []Cell) bool { return slices.Equal(other[len(begin):], row[len(begin):]) }) {
				all = append(all, row)
			}
		}
	}
	if len(all) == 0 {
		all = append(all, append(begin, plain(""), code(aws.ToString(r.BeforeContext)), code(aws.ToString(r.AfterContext))))
	}
	return all
}

// knownLater is what AWS writes for a value that the change itself determines.
const knownLater = "{{changeSet:KNOWN_AFTER_APPLY}}"

// leaves returns the parts of a property that differ, each as its path and its texts
// before and after.
func leaves(path string, before, after *string) [][3]string {
	read := func(text *string) map[string]json.RawMessage {
		var members map[string]json.RawMessage
		if text == nil || json.Unmarshal([]byte(*text), &members) != nil {
			return nil
		}
		return members
	}
	was, is := read(before), read(after)
	if was == nil || is == nil {
		written := strings.ReplaceAll(aws.ToString(after), knownLater, "known after the change")
		return [][3]string{{path, aws.ToString(before), written}}
	}
	names := slices.Collect(maps.Keys(was))
	for name := range is {
		if _, both := was[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var all [][3]string
	for _, name := range names {
		if !bytes.Equal(was[name], is[name]) {
			all = append(all, leaves(path+"/"+name, unquoted(was[name]), unquoted(is[name]))...)
		}
	}
	return all
}

// unquoted returns a value as CloudFormation shows it: a text without quotation marks, and
// nothing of what is not there.
func unquoted(value json.RawMessage) *string {
	if value == nil {
		return nil
	}
	text := string(value)
	_ = json.Unmarshal(value, &text) // else it is no text
	return &text
}

func (c *Console) functionThing(ctx context.Context, t *Thing) error {
	got, err := c.aws.Functions.GetFunction(ctx, &awslambda.GetFunctionInput{FunctionName: &t.Name})
	if err != nil {
		return err
	}
	f := got.Configuration
	t.fact("State", state(string(f.State)))
	t.fact("Because", plain(aws.ToString(f.StateReason)))
	t.fact("Memory", plain(fmt.Sprintf("%d MB", aws.ToInt32(f.MemorySize))))
	t.fact("Timeout", plain(fmt.Sprintf("%d s", aws.ToInt32(f.Timeout))))
	t.fact("CodeSha256", code(aws.ToString(f.CodeSha256)))
	role := code(aws.ToString(f.Role))
	role.To = &Ref{"requests", role.Text[strings.LastIndexByte(role.Text, '/')+1:]}
	t.fact("Role, and what it asks for", role)
	if address, err := c.aws.Functions.GetFunctionUrlConfig(ctx, &awslambda.GetFunctionUrlConfigInput{FunctionName: &t.Name}); err == nil {
		t.fact("URL", code(aws.ToString(address.FunctionUrl)))
	}
	if err := c.invocations(ctx, t); err != nil {
		return err
	}
	aliases := Table{Title: "Aliases", Columns: []string{"Alias", "Version", "Also"}, Empty: "The function has no alias."}
	listed, err := c.aws.Functions.ListAliases(ctx, &awslambda.ListAliasesInput{FunctionName: &t.Name})
	if err != nil {
		return err
	}
	for _, a := range listed.Aliases {
		also := ""
		if a.RoutingConfig != nil {
			for version, weight := range a.RoutingConfig.AdditionalVersionWeights {
				also = fmt.Sprintf("%.0f %% to version %s", 100*weight, version)
			}
		}
		aliases.Rows = append(aliases.Rows, []Cell{plain(aws.ToString(a.Name)), plain(aws.ToString(a.FunctionVersion)), plain(also)})
	}
	versions := Table{Title: "Versions", Columns: []string{"Version", "Description", "Modified", "CodeSha256"}, Empty: "No version was published."}
	published, err := c.aws.Functions.ListVersionsByFunction(ctx, &awslambda.ListVersionsByFunctionInput{FunctionName: &t.Name})
	if err != nil {
		return err
	}
	for _, v := range slices.Backward(published.Versions) {
		versions.Rows = append(versions.Rows, version(v))
	}
	environment := Table{Title: "Environment", Columns: []string{"Name", "Value"}, Empty: "The function has no variables."}
	if f.Environment != nil {
		for name, value := range f.Environment.Variables {
			environment.Rows = append(environment.Rows, []Cell{code(name), code(value)})
		}
		slices.SortFunc(environment.Rows, func(a, b []Cell) int { return cmp.Compare(a[0].Text, b[0].Text) })
	}
	t.Tables = append(t.Tables, aliases, versions, c.streams(ctx, "/aws/lambda/"+t.Name), environment)
	return nil
}

func version(v lambdatypes.FunctionConfiguration) []Cell {
	modified := plain(aws.ToString(v.LastModified))
	// Lambda writes times in a form of its own.
	if t, err := time.Parse("2006-01-02T15:04:05.000-0700", modified.Text); err == nil {
		modified = at(&t)
	}
	return []Cell{plain(aws.ToString(v.Version)), plain(aws.ToString(v.Description)), modified, code(clip(aws.ToString(v.CodeSha256), 12))}
}

// invocations adds what the function did in the last hour of AWS's time.
func (c *Console) invocations(ctx context.Context, t *Thing) error {
	now := c.time.Now()
	in := &awscloudwatch.GetMetricDataInput{StartTime: aws.Time(now.Add(-time.Hour).Truncate(time.Minute)), EndTime: aws.Time(now.Truncate(time.Minute).Add(time.Minute))}
	for _, metric := range []string{"Invocations", "Errors", "Throttles"} {
		in.MetricDataQueries = append(in.MetricDataQueries, cwtypes.MetricDataQuery{Id: aws.String(strings.ToLower(metric)), MetricStat: &cwtypes.MetricStat{
			Metric: &cwtypes.Metric{Namespace: aws.String("AWS/Lambda"), MetricName: aws.String(metric), Dimensions: []cwtypes.Dimension{{Name: aws.String("FunctionName"), Value: &t.Name}}},
			Period: aws.Int32(60), Stat: aws.String("Sum"),
		}})
	}
	got, err := c.aws.Metrics.GetMetricData(ctx, in)
	if err != nil {
		return err
	}
	var said []string
	for _, r := range got.MetricDataResults {
		sum := 0.0
		for _, v := range r.Values {
			sum += v
		}
		said = append(said, fmt.Sprintf("%.0f %s", sum, aws.ToString(r.Id)))
	}
	t.fact("In the last hour", plain(strings.Join(said, ", ")))
	return nil
}

// streams lists the streams of a log group, which may not exist yet.
func (c *Console) streams(ctx context.Context, group string) Table {
	t := Table{Title: "Logs", Columns: []string{"Stream", "Last line"}, Empty: "Nothing has been written yet."}
	listed, err := c.aws.Logs.DescribeLogStreams(ctx, &awslogs.DescribeLogStreamsInput{LogGroupName: &group})
	if err != nil {
		return t
	}
	slices.Reverse(listed.LogStreams)
	for _, s := range listed.LogStreams {
		stream := code(aws.ToString(s.LogStreamName))
		stream.Log = &Stream{group, stream.Text}
		last := Cell{}
		if s.LastEventTimestamp != nil {
			last = at(aws.Time(time.UnixMilli(*s.LastEventTimestamp)))
		}
		t.Rows = append(t.Rows, []Cell{stream, last})
	}
	return t
}

func (c *Console) alarmThing(ctx context.Context, t *Thing) error {
	described, err := c.aws.Metrics.DescribeAlarms(ctx, &awscloudwatch.DescribeAlarmsInput{
		AlarmNames: []string{t.Name}, AlarmTypes: []cwtypes.AlarmType{cwtypes.AlarmTypeMetricAlarm, cwtypes.AlarmTypeCompositeAlarm},
	})
	if err != nil {
		return err
	}
	var actions []string
	switch {
	case len(described.MetricAlarms) > 0:
		a := described.MetricAlarms[0]
		t.fact("State", state(string(a.StateValue)))
		t.fact("Because", plain(aws.ToString(a.StateReason)))
		t.fact("Description", plain(aws.ToString(a.AlarmDescription)))
		t.fact("Metric", plain(strings.Trim(aws.ToString(a.Namespace)+" "+aws.ToString(a.MetricName), " ")))
		for _, q := range a.Metrics {
			t.fact("Metric "+aws.ToString(q.Id), code(cmp.Or(aws.ToString(q.Expression), metricName(q))))
		}
		if a.Threshold != nil {
			t.fact("Threshold", plain(fmt.Sprintf("%s %g, in %d of %d periods", a.ComparisonOperator, *a.Threshold, cmp.Or(aws.ToInt32(a.DatapointsToAlarm), aws.ToInt32(a.EvaluationPeriods)), aws.ToInt32(a.EvaluationPeriods))))
		}
		actions = a.AlarmActions
	case len(described.CompositeAlarms) > 0:
		a := described.CompositeAlarms[0]
		t.fact("State", state(string(a.StateValue)))
		t.fact("Because", plain(aws.ToString(a.StateReason)))
		t.fact("Rule", code(aws.ToString(a.AlarmRule)))
		actions = a.AlarmActions
	default:
		return &failure{http.StatusNotFound, "There is no alarm " + t.Name + "."}
	}
	for _, action := range actions {
		cell := code(action)
		if strings.Contains(action, ":sns:") {
			cell.To = &Ref{kindTopic, lastOfARN(action)}
		}
		t.fact("Tells", cell)
	}
	history := Table{Title: "History, the newest first", Columns: []string{"Time", "What"}, Empty: "Nothing has happened."}
	happened, err := c.aws.Metrics.DescribeAlarmHistory(ctx, &awscloudwatch.DescribeAlarmHistoryInput{AlarmName: &t.Name})
	if err != nil {
		return err
	}
	for _, h := range happened.AlarmHistoryItems {
		history.Rows = append(history.Rows, []Cell{at(h.Timestamp), plain(aws.ToString(h.HistorySummary))})
	}
	t.Tables = append(t.Tables, history)
	return nil
}

func metricName(q cwtypes.MetricDataQuery) string {
	if q.MetricStat == nil || q.MetricStat.Metric == nil {
		return ""
	}
	return aws.ToString(q.MetricStat.Stat) + " of " + aws.ToString(q.MetricStat.Metric.Namespace) + " " + aws.ToString(q.MetricStat.Metric.MetricName)
}

// topicARN returns the ARN of the topic with a name.
func (c *Console) topicARN(ctx context.Context, name string) (string, error) {
	listed, err := c.aws.Topics.ListTopics(ctx, &awssns.ListTopicsInput{})
	if err != nil {
		return "", err
	}
	for _, t := range listed.Topics {
		if lastOfARN(aws.ToString(t.TopicArn)) == name {
			return *t.TopicArn, nil
		}
	}
	return "", &failure{http.StatusNotFound, "There is no topic " + name + "."}
}

func (c *Console) topicThing(ctx context.Context, t *Thing) error {
	arn, err := c.topicARN(ctx, t.Name)
	if err != nil {
		return err
	}
	t.fact("ARN", code(arn))
	messages := Table{Title: "Messages, the newest first", Columns: []string{"Time", "Subject", "Message"}, Empty: "Nothing was published."}
	for _, m := range slices.Backward(c.aws.Topics.Messages(arn)) {
		messages.Rows = append(messages.Rows, []Cell{at(&m.Published), plain(m.Subject), code(clip(m.Body, maxBody))})
	}
	subscriptions := Table{Title: "Subscriptions", Columns: []string{"Protocol", "Endpoint", "ARN"}, Empty: "Nobody has subscribed."}
	listed, err := c.aws.Topics.ListSubscriptionsByTopic(ctx, &awssns.ListSubscriptionsByTopicInput{TopicArn: &arn})
	if err != nil {
		return err
	}
	for _, s := range listed.Subscriptions {
		endpoint := code(aws.ToString(s.Endpoint))
		switch aws.ToString(s.Protocol) {
		case "sqs":
			endpoint.To = &Ref{kindQueue, lastOfARN(endpoint.Text)}
		case "lambda":
			endpoint.To = &Ref{kindFunction, lastOfARN(endpoint.Text)}
		}
		subscriptions.Rows = append(subscriptions.Rows, []Cell{plain(aws.ToString(s.Protocol)), endpoint, code(aws.ToString(s.SubscriptionArn))})
	}
	t.Tables = append(t.Tables, messages, subscriptions)
	return nil
}

func (c *Console) queueThing(ctx context.Context, t *Thing) error {
	listed, err := c.aws.Queues.ListQueues(ctx, &awssqs.ListQueuesInput{QueueNamePrefix: &t.Name})
	if err != nil {
		return err
	}
	i := slices.IndexFunc(listed.QueueUrls, func(address string) bool { return afterSlash(address) == t.Name })
	if i < 0 {
		return &failure{http.StatusNotFound, "There is no queue " + t.Name + "."}
	}
	got, err := c.aws.Queues.GetQueueAttributes(ctx, &awssqs.GetQueueAttributesInput{QueueUrl: &listed.QueueUrls[i], AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameAll}})
	if err != nil {
		return err
	}
	t.fact("URL", code(listed.QueueUrls[i]))
	t.fact("Waiting", plain(got.Attributes["ApproximateNumberOfMessages"]))
	t.fact("In flight", plain(got.Attributes["ApproximateNumberOfMessagesNotVisible"]))
	t.fact("Delayed", plain(got.Attributes["ApproximateNumberOfMessagesDelayed"]))
	attributes := Table{Title: "Attributes", Columns: []string{"Name", "Value"}}
	for name, value := range got.Attributes {
		attributes.Rows = append(attributes.Rows, []Cell{plain(name), code(value)})
	}
	slices.SortFunc(attributes.Rows, func(a, b []Cell) int { return cmp.Compare(a[0].Text, b[0].Text) })
	t.Tables = append(t.Tables, attributes)
	return nil
}

func (c *Console) tableThing(ctx context.Context, t *Thing) error {
	got, err := c.aws.Tables.DescribeTable(ctx, &awsdynamodb.DescribeTableInput{TableName: &t.Name})
	if err != nil {
		return err
	}
	t.fact("Status", state(string(got.Table.TableStatus)))
	t.fact("ARN", code(aws.ToString(got.Table.TableArn)))
	var keys []string
	for _, k := range got.Table.KeySchema {
		keys = append(keys, aws.ToString(k.AttributeName)+" ("+strings.ToLower(string(k.KeyType))+")")
	}
	t.fact("Key", plain(strings.Join(keys, ", ")))
	for _, i := range got.Table.GlobalSecondaryIndexes {
		t.fact("Global index", plain(aws.ToString(i.IndexName)+", "+string(i.IndexStatus)))
	}
	items := Table{Title: "Items", Columns: []string{"Item"}, Empty: "The table is empty."}
	scanned, err := c.aws.Tables.Scan(ctx, &awsdynamodb.ScanInput{TableName: &t.Name, Limit: aws.Int32(50)})
	if err != nil {
		return err
	}
	for _, item := range scanned.Items {
		shown := map[string]any{}
		for name, value := range item {
			shown[name] = attribute(value)
		}
		encoded, err := json.Marshal(shown)
		if err != nil {
			return err
		}
		items.Rows = append(items.Rows, []Cell{code(clip(string(encoded), maxBody))})
	}
	t.Tables = append(t.Tables, items)
	return nil
}

// attribute returns a value in JSON. Numbers are texts, so that none is rounded.
func attribute(v dynamotypes.AttributeValue) any {
	switch v := v.(type) {
	case *dynamotypes.AttributeValueMemberS:
		return v.Value
	case *dynamotypes.AttributeValueMemberN:
		return json.Number(v.Value)
	case *dynamotypes.AttributeValueMemberBOOL:
		return v.Value
	case *dynamotypes.AttributeValueMemberB:
		return v.Value
	case *dynamotypes.AttributeValueMemberSS:
		return v.Value
	case *dynamotypes.AttributeValueMemberNS:
		return v.Value
	case *dynamotypes.AttributeValueMemberBS:
		return v.Value
	case *dynamotypes.AttributeValueMemberL:
		list := []any{}
		for _, item := range v.Value {
			list = append(list, attribute(item))
		}
		return list
	case *dynamotypes.AttributeValueMemberM:
		m := map[string]any{}
		for name, item := range v.Value {
			m[name] = attribute(item)
		}
		return m
	default:
		return nil
	}
}

func (c *Console) parameterThing(ctx context.Context, t *Thing) error {
	got, err := c.aws.Parameters.GetParameter(ctx, &awsssm.GetParameterInput{Name: &t.Name})
	if err != nil {
		return err
	}
	p := got.Parameter
	t.fact("Type", plain(string(p.Type)))
	if p.Type == ssmtypes.ParameterTypeSecureString {
		t.fact("Value", plain("encrypted, and not shown"))
	} else {
		t.fact("Value", code(aws.ToString(p.Value)))
	}
	t.fact("Version", plain(fmt.Sprint(p.Version)))
	t.fact("Modified", at(p.LastModifiedDate))
	return nil
}

func (c *Console) bucketThing(ctx context.Context, t *Thing) error {
	listed, err := c.aws.Buckets.ListObjectsV2(ctx, &awss3.ListObjectsV2Input{Bucket: &t.Name, MaxKeys: aws.Int32(rows)})
	if err != nil {
		return err
	}
	objects := Table{Title: "Objects", Columns: []string{"Key", "Bytes", "Modified"}, Empty: "The bucket is empty."}
	for _, o := range listed.Contents {
		objects.Rows = append(objects.Rows, []Cell{code(aws.ToString(o.Key)), plain(fmt.Sprint(aws.ToInt64(o.Size))), at(o.LastModified)})
	}
	if aws.ToBool(listed.IsTruncated) {
		objects.Title += fmt.Sprintf(", the first %d", rows)
	}
	t.Tables = append(t.Tables, objects)
	return nil
}
