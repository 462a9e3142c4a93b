package template

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Serverless is the transform of AWS SAM. It turns resources of the types
// AWS::Serverless::* into those that they stand for, with the logical ids that AWS
// documents.
//
// See https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-generated-resources.html.
const Serverless = "AWS::Serverless-2016-10-31"

const serverlessType = "AWS::Serverless::"

// A serverless expansion makes the resources of one template.
type serverless struct {
	globals map[string]any
	given   map[string]any             // the resources of the template
	made    map[string]any             // those of the result
	apis    map[string]*apiDescription // by logical id
	aliases map[string]string          // what Ref of FUNCTION.Alias and the like means
	wrong   []string

	parameters map[string]any // the values of the template's parameters
	conditions map[string]any // those that are new
}

// expandServerless applies the transform to the sections of a template.
func expandServerless(sections, parameters map[string]any) (map[string]any, error) {
	given, _ := sections["Resources"].(map[string]any)
	globals, _ := sections["Globals"].(map[string]any)
	s := &serverless{globals: globals, given: given, made: map[string]any{}, apis: map[string]*apiDescription{}, aliases: map[string]string{}, parameters: parameters, conditions: map[string]any{}}
	for _, name := range sortedKeys(globals) {
		if !slices.Contains([]string{"Function", "Api", "HttpApi", "LayerVersion", "SimpleTable", "StateMachine"}, name) {
			s.wrong = append(s.wrong, "'Globals' section is invalid: "+name+" is not supported")
		}
	}
	for _, id := range sortedKeys(given) {
		r, ok := given[id].(map[string]any)
		typ, _ := r["Type"].(string)
		if !ok || !strings.HasPrefix(typ, serverlessType) {
			s.made[id] = given[id]
		}
	}
	for _, id := range sortedKeys(given) {
		r, _ := given[id].(map[string]any)
		if typ, _ := r["Type"].(string); strings.HasPrefix(typ, serverlessType) {
			s.resource(id, strings.TrimPrefix(typ, serverlessType), r)
		}
	}
	for _, id := range sortedKeys(s.apis) {
		s.describe(id)
	}
	s.connectors()
	if len(s.wrong) > 0 {
		return nil, errorf("Transform %s failed with: Invalid Serverless Application Specification document. Number of errors found: %d. %s", Serverless, len(s.wrong), strings.Join(s.wrong, " "))
	}
	expanded := maps.Clone(sections)
	delete(expanded, "Globals")
	delete(expanded, "Transform")
	expanded["Resources"] = s.made
	if len(s.conditions) > 0 {
		given, _ := sections["Conditions"].(map[string]any)
		maps.Copy(s.conditions, given)
		expanded["Conditions"] = s.conditions
	}
	for name, v := range expanded {
		expanded[name] = s.refer(v)
	}
	return expanded, nil
}

func (s *serverless) invalid(id, format string, args ...any) {
	s.wrong = append(s.wrong, "Resource with id ["+id+"] is invalid. "+fmt.Sprintf(format, args...)+".")
}

// resolved replaces references to parameters by their values.
func (s *serverless) resolved(v any) any {
	switch v := v.(type) {
	case []any:
		list := make([]any, len(v))
		for i, e := range v {
			list[i] = s.resolved(e)
		}
		return list
	case map[string]any:
		if name, ok := v["Ref"].(string); ok && len(v) == 1 {
			if text, isText := s.parameters[name].(string); isText {
				return plainScalar(text)
			}
		}
		if text, ok := v["Fn::Sub"].(string); ok && len(v) == 1 {
			var b strings.Builder
			for _, p := range subParts(text) {
				value, known := s.parameters[p.name].(string)
				switch {
				case p.name == "":
					b.WriteString(p.literal)
				case known:
					b.WriteString(value)
				default:
					b.WriteString("${" + p.name + "}")
				}
			}
			return sub1(b.String(), nil)
		}
		m := make(map[string]any, len(v))
		for name, e := range v {
			m[name] = s.resolved(e)
		}
		return m
	}
	return v
}

// plainScalar returns a parameter's text as a template would have it.
func plainScalar(text string) any {
	if text == "true" || text == "false" {
		return text == "true"
	}
	return text
}

// refer replaces references to properties that only the transform knows.
func (s *serverless) refer(v any) any {
	switch v := v.(type) {
	case []any:
		list := make([]any, len(v))
		for i, e := range v {
			list[i] = s.refer(e)
		}
		return list
	case map[string]any:
		if ref, ok := v["Ref"].(string); ok && len(v) == 1 && s.aliases[ref] != "" {
			return ref1(s.aliases[ref])
		}
		if ref, ok := attributeReference(v["Fn::GetAtt"]); ok && len(v) == 1 && ref.Attribute != "*" {
			if id, attribute, ok := strings.Cut(s.generated(ref.Name+"."+ref.Attribute), "."); ok && id != ref.Name {
				return getAtt(id, attribute)
			}
		}
		if text, variables, ok := subArguments(v["Fn::Sub"]); ok && len(v) == 1 {
			m := maps.Clone(variables)
			for name, e := range variables {
				m[name] = s.refer(e)
			}
			return sub1(inSub.ReplaceAllStringFunc(text, func(part string) string {
				name := part[len("${") : len(part)-1]
				if _, own := m[name]; own {
					return part
				}
				return "${" + s.generated(name) + "}"
			}), m)
		}
		m := make(map[string]any, len(v))
		for name, e := range v {
			m[name] = s.refer(e)
		}
		return m
	}
	return v
}

// inSub matches a reference in the text of Fn::Sub.
var inSub = regexp.MustCompile(`\$\{[^!}]+\}`)

// generated returns the name of what the transform makes for a name such as
// FUNCTION.Version or FUNCTION.Version.FunctionArn. Other names stay as they are.
func (s *serverless) generated(name string) string {
	parts := strings.Split(name, ".")
	for n := len(parts); n > 0; n-- {
		if id := s.aliases[strings.Join(parts[:n], ".")]; id != "" {
			return strings.Join(append([]string{id}, parts[n:]...), ".")
		}
	}
	return name
}

func ref1(id string) map[string]any { return map[string]any{"Ref": id} }

func getAtt(id, attribute string) map[string]any {
	return map[string]any{"Fn::GetAtt": []any{id, attribute}}
}

func sub1(text string, variables map[string]any) map[string]any {
	if variables == nil {
		return map[string]any{"Fn::Sub": text}
	}
	return map[string]any{"Fn::Sub": []any{text, variables}}
}

// short is the part of a digest that SAM puts into logical ids.
func short(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		// What came from a template can always be encoded.
		panic(err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])[:10]
}

// merged returns a resource's properties with the globals: objects are merged, lists
// are joined, and the resource's own values win.
func merged(global, own any) any {
	if own == nil {
		return global
	}
	switch o := own.(type) {
	case map[string]any:
		g, ok := global.(map[string]any)
		_, _, call := function(o)
		_, _, globalCall := function(g)
		if !ok || call || globalCall {
			return own
		}
		m := orEmpty(maps.Clone(g))
		for name, v := range o {
			m[name] = merged(g[name], v)
		}
		return m
	case []any:
		if g, ok := global.([]any); ok {
			return slices.Concat(g, o)
		}
	}
	return own
}

func (s *serverless) resource(id, kind string, r map[string]any) {
	own, _ := r["Properties"].(map[string]any)
	properties, _ := merged(s.globals[kind], orEmpty(own)).(map[string]any)
	switch kind {
	case "Function":
		s.function(id, r, properties)
	case "SimpleTable":
		s.simpleTable(id, r, properties)
	case "Api", "HttpApi":
		s.api(id)
	case "LayerVersion":
		s.layer(id, r, properties)
	case "Application":
		s.application(id, r, properties)
	case "StateMachine":
		s.stateMachine(id, r, properties)
	case "Connector":
		// It needs what the others are made of.
	default:
		s.invalid(id, "The embedded AWS does not support %s%s", serverlessType, kind)
	}
}

func orEmpty(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}

// make adds a resource. It inherits what belongs to the one that it is made for.
func (s *serverless) make(id, typ string, from, properties map[string]any, main bool) map[string]any {
	r := map[string]any{"Type": typ, "Properties": properties}
	if main {
		for _, name := range []string{"Metadata", "DependsOn", "DeletionPolicy", "UpdateReplacePolicy"} {
			if v, ok := from[name]; ok {
				r[name] = v
			}
		}
	}
	if c, ok := from["Condition"]; ok {
		r["Condition"] = c
	}
	s.made[id] = r
	return r
}

// take moves properties of the same name and meaning.
func take(from, to map[string]any, names ...string) {
	for _, name := range names {
		if v, ok := from[name]; ok {
			to[name] = v
			delete(from, name)
		}
	}
}

// left refuses the properties that nothing has taken.
func (s *serverless) left(id, typ string, properties map[string]any) {
	for _, name := range sortedKeys(properties) {
		s.invalid(id, "The embedded AWS does not support %s of %s", name, typ)
	}
}

// tags returns the tags of a resource, with the one that SAM adds.
func tags(properties map[string]any) []any {
	list := []any{map[string]any{"Key": "lambda:createdBy", "Value": "SAM"}}
	own, _ := properties["Tags"].(map[string]any)
	delete(properties, "Tags")
	delete(properties, "PropagateTags")
	for _, key := range sortedKeys(own) {
		list = append(list, map[string]any{"Key": key, "Value": own[key]})
	}
	return list
}

func (s *serverless) function(id string, r, properties map[string]any) {
	p := maps.Clone(properties)
	f := map[string]any{"Tags": tags(p)}
	code := s.code(id, p)
	f["Code"] = code
	take(p, f, "FunctionName", "Handler", "Runtime", "Description", "MemorySize", "Timeout", "Environment", "VpcConfig", "Layers", "KmsKeyArn",
		"Architectures", "EphemeralStorage", "ReservedConcurrentExecutions", "FileSystemConfigs", "ImageConfig", "PackageType", "SnapStart",
		"LoggingConfig", "RuntimeManagementConfig", "RecursiveLoop", "CodeSigningConfigArn", "Role")
	if mode, ok := p["Tracing"]; ok {
		f["TracingConfig"] = map[string]any{"Mode": mode}
	}
	if queue, ok := p["DeadLetterQueue"].(map[string]any); ok {
		f["DeadLetterConfig"] = map[string]any{"TargetArn": queue["TargetArn"]}
	}
	events, _ := p["Events"].(map[string]any)
	if _, given := f["Role"]; !given {
		f["Role"] = getAtt(id+"Role", "Arn")
		s.role(id, r, p, f, events)
	}
	s.make(id, "AWS::Lambda::Function", r, f, true)
	target, qualified := any(ref1(id)), any(getAtt(id, "Arn"))
	if alias, ok := s.resolved(p["AutoPublishAlias"]).(string); ok {
		version := id + "Version" + short([]any{code, p["AutoPublishCodeSha256"]})
		published := map[string]any{"FunctionName": ref1(id)}
		if description, ok := p["VersionDescription"]; ok {
			published["Description"] = description
			delete(p, "VersionDescription")
		}
		s.make(version, "AWS::Lambda::Version", r, published, false)["DeletionPolicy"] = Retain
		aliasID := id + "Alias" + alias
		a := s.make(aliasID, "AWS::Lambda::Alias", r, map[string]any{"Name": alias, "FunctionName": ref1(id), "FunctionVersion": getAtt(version, "Version")}, false)
		s.deployment(id, r, p, a)
		s.aliases[id+".Alias"], s.aliases[id+".Version"] = aliasID, version
		target, qualified = ref1(aliasID), ref1(aliasID)
	} else if p["AutoPublishAlias"] != nil || p["DeploymentPreference"] != nil {
		s.invalid(id, "'DeploymentPreference' requires AutoPublishAlias, which must be a text")
	}
	s.url(id, r, p)
	if config, ok := p["EventInvokeConfig"].(map[string]any); ok {
		q := map[string]any{"FunctionName": ref1(id), "Qualifier": "$LATEST"}
		if alias, ok := p["AutoPublishAlias"]; ok {
			q["Qualifier"] = alias
		}
		config = maps.Clone(config)
		take(config, q, "MaximumEventAgeInSeconds", "MaximumRetryAttempts")
		if destinations, ok := config["DestinationConfig"].(map[string]any); ok {
			q["DestinationConfig"] = s.destinations(id, r, destinations)
			delete(config, "DestinationConfig")
		}
		s.left(id, "EventInvokeConfig", config)
		made := s.make(id+"EventInvokeConfig", "AWS::Lambda::EventInvokeConfig", r, q, false)
		if alias, ok := s.resolved(p["AutoPublishAlias"]).(string); ok {
			made["DependsOn"] = []any{id + "Alias" + alias}
		}
	}
	for _, name := range sortedKeys(events) {
		event, _ := events[name].(map[string]any)
		typ, _ := event["Type"].(string)
		eventProperties, _ := event["Properties"].(map[string]any)
		s.event(source{id: id, name: name, typ: typ, from: r, target: target, arn: qualified}, maps.Clone(orEmpty(eventProperties)))
	}
	for _, done := range []string{"Tracing", "DeadLetterQueue", "Events", "AutoPublishAlias", "AutoPublishCodeSha256", "AutoPublishAliasAllProperties",
		"DeploymentPreference", "FunctionUrlConfig", "EventInvokeConfig", "Policies", "PermissionsBoundary", "AssumeRolePolicyDocument", "RolePath"} {
		delete(p, done)
	}
	s.left(id, "AWS::Serverless::Function", p)
}

// code returns the property Code of a function.
func (s *serverless) code(id string, p map[string]any) map[string]any {
	defer func() {
		for _, name := range []string{"CodeUri", "InlineCode", "ImageUri"} {
			delete(p, name)
		}
	}()
	if uri := p["CodeUri"]; uri != nil {
		if code := objectOf(uri, "S3Bucket", "S3Key", "S3ObjectVersion"); code != nil {
			return code
		}
		s.invalid(id, "'CodeUri' is not a valid S3 Uri of the form 's3://bucket/key' with optional versionId query parameter: package the template first, with sam package")
		return map[string]any{}
	}
	if inline, ok := p["InlineCode"]; ok {
		return map[string]any{"ZipFile": inline}
	}
	if image, ok := p["ImageUri"]; ok {
		return map[string]any{"ImageUri": image}
	}
	s.invalid(id, "Missing required property 'CodeUri'")
	return map[string]any{}
}

// objectOf returns the bucket, the key and the version of an object, under these names. A
// template has them as members or as a URI. objectOf returns nil for anything else.
func objectOf(v any, bucket, key, version string) map[string]any {
	if members, ok := v.(map[string]any); ok {
		object := map[string]any{bucket: members["Bucket"], key: members["Key"]}
		if id, ok := members["Version"]; ok {
			object[version] = id
		}
		return object
	}
	uri, _ := v.(string)
	rest, ok := strings.CutPrefix(uri, "s3://")
	name, path, found := strings.Cut(rest, "/")
	if !ok || !found {
		return nil
	}
	path, id, versioned := strings.Cut(path, "?versionId=")
	object := map[string]any{bucket: name, key: path}
	if versioned {
		object[version] = id
	}
	return object
}

// destinations returns where the results of asynchronous invocations go. A queue or topic
// that the template does not have is made, and the role of the function may send there.
func (s *serverless) destinations(id string, r, given map[string]any) map[string]any {
	all := map[string]any{}
	for _, when := range sortedKeys(given) {
		destination, _ := given[when].(map[string]any)
		kind, _ := destination["Type"].(string)
		arn := destination["Destination"]
		made := map[string]string{"SQS": "Queue", "SNS": "Topic"}[kind]
		action := map[string]string{"SQS": "sqs:SendMessage", "SNS": "sns:publish", "Lambda": "lambda:InvokeFunction", "EventBridge": "events:PutEvents", "S3Bucket": "s3:PutObject"}[kind]
		switch {
		case action == "" || arn == nil && made == "":
			s.invalid(id, "'Type: %s' of the destination %s is not supported, or needs a Destination", kind, when)
			continue
		case arn == nil:
			name := id + "EventInvokeConfig" + when + made
			s.make(name, "AWS::"+kind+"::"+made, r, map[string]any{}, false)
			if arn = any(ref1(name)); kind == "SQS" {
				arn = getAtt(name, "Arn")
			}
		}
		all[when] = map[string]any{"Destination": arn}
		role, _ := s.made[id+"Role"].(map[string]any)
		if properties, ok := role["Properties"].(map[string]any); ok {
			policies, _ := properties["Policies"].([]any)
			properties["Policies"] = append(policies, map[string]any{"PolicyName": id + "EventInvokeConfig" + when + kind + "Policy", "PolicyDocument": allow(arn, action)})
		}
	}
	return all
}

func managed(name string) any {
	return sub1("arn:${AWS::Partition}:iam::aws:policy/"+name, nil)
}

// role makes the role of a function.
// See https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-function.html.
func (s *serverless) role(id string, r, p, f, events map[string]any) {
	basic := "service-role/AWSLambdaBasicExecutionRole"
	if f["VpcConfig"] != nil {
		basic = "service-role/AWSLambdaVPCAccessExecutionRole"
	}
	arns := []any{managed(basic)}
	if p["Tracing"] != nil {
		arns = append(arns, managed("AWSXRayDaemonWriteAccess"))
	}
	needed := map[string]string{
		"SQS": "service-role/AWSLambdaSQSQueueExecutionRole", "DynamoDB": "service-role/AWSLambdaDynamoDBExecutionRole", "Kinesis": "service-role/AWSLambdaKinesisExecutionRole",
	}
	found := map[string]bool{}
	for _, name := range sortedKeys(events) {
		event, _ := events[name].(map[string]any)
		if typ, _ := event["Type"].(string); needed[typ] != "" && !found[typ] {
			found[typ] = true
			arns = append(arns, managed(needed[typ]))
		}
	}
	role := s.roleWith(id, r, p, "lambda.amazonaws.com", "lambda:createdBy", arns)
	if queue, ok := p["DeadLetterQueue"].(map[string]any); ok {
		action := map[any]string{"SQS": "sqs:SendMessage", "SNS": "sns:Publish"}[queue["Type"]]
		inline, _ := role["Policies"].([]any)
		role["Policies"] = append(inline, map[string]any{"PolicyName": "DeadLetterQueuePolicy", "PolicyDocument": allow(queue["TargetArn"], action)})
	}
}

// roleWith makes the role of a resource, for a service that acts for it, and returns its
// properties.
func (s *serverless) roleWith(id string, r, p map[string]any, service, createdBy string, arns []any) map[string]any {
	role := map[string]any{"Tags": []any{map[string]any{"Key": createdBy, "Value": "SAM"}}}
	role["AssumeRolePolicyDocument"] = assumedBy(service)
	take(p, role, "PermissionsBoundary", "AssumeRolePolicyDocument")
	if path, ok := p["RolePath"]; ok {
		role["Path"] = path
	}
	policies, isList := p["Policies"].([]any)
	if !isList && p["Policies"] != nil {
		policies = []any{p["Policies"]}
	}
	var inline []any
	for i, given := range policies {
		arn, policy := s.policy(id, fmt.Sprintf("%sRolePolicy%d", id, i), given)
		if arn != nil {
			arns = append(arns, arn)
		}
		if policy != nil {
			inline = append(inline, policy)
		}
	}
	role["ManagedPolicyArns"] = arns
	if len(inline) > 0 {
		role["Policies"] = inline
	}
	s.make(id+"Role", "AWS::IAM::Role", r, role, false)
	return role
}

// policy returns the ARN of a managed policy, or the inline policy of a role, that an entry
// of Policies stands for. With Fn::If it can be either.
func (s *serverless) policy(id, name string, given any) (arn, inline any) {
	document, isDocument := given.(map[string]any)
	call, arg, isCall := function(document)
	choices, _ := arg.([]any)
	switch {
	case isDocument && document["Ref"] == "AWS::NoValue":
		return nil, nil
	case isCall && call == "Fn::If" && len(choices) == 3:
		arn1, inline1 := s.policy(id, name, choices[1])
		arn2, inline2 := s.policy(id, name, choices[2])
		return either(choices[0], arn1, arn2), either(choices[0], inline1, inline2)
	case isCall:
		return given, nil
	case !isDocument:
		text, _ := given.(string)
		if strings.HasPrefix(text, "arn:") {
			return given, nil
		}
		if strings.HasPrefix(text, "AWSLambda") && strings.HasSuffix(text, "ExecutionRole") || text == "AWSLambdaRole" {
			text = "service-role/" + text
		}
		return managed(text), nil
	case document["Statement"] != nil:
	case len(document) == 1 && policyTemplates[sortedKeys(document)[0]] != nil:
		kind := sortedKeys(document)[0]
		values, _ := document[kind].(map[string]any)
		document = policyDocument(policyTemplates[kind], values)
	default:
		s.invalid(id, "The embedded AWS does not support the policy template %s", strings.Join(sortedKeys(document), ", "))
		return nil, nil
	}
	return nil, map[string]any{"PolicyName": name, "PolicyDocument": document}
}

// either is Fn::If with two values of which one may be missing.
func either(condition, then, otherwise any) any {
	if then == nil && otherwise == nil {
		return nil
	}
	none := ref1("AWS::NoValue")
	if then == nil {
		then = none
	}
	if otherwise == nil {
		otherwise = none
	}
	return map[string]any{"Fn::If": []any{condition, then, otherwise}}
}

// assumedBy returns the trust policy of a role that a service assumes.
func assumedBy(service string) map[string]any {
	return map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{
		"Effect": "Allow", "Action": []any{"sts:AssumeRole"}, "Principal": map[string]any{"Service": []any{service}},
	}}}
}

// allow returns a policy of one statement.
func allow(resource any, actions ...string) map[string]any {
	list := make([]any, len(actions))
	for i, a := range actions {
		list[i] = a
	}
	return map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{"Effect": "Allow", "Action": list, "Resource": resource}}}
}

// A policyTemplate is what one of SAM's policy templates allows.
// See https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-policy-template-list.html.
type policyTemplate struct {
	actions   string
	resources []string // ARNs with the parameters of the template in ${}
}

const arnOf = "arn:${AWS::Partition}:"

var (
	tableARNs = []string{arnOf + "dynamodb:${AWS::Region}:${AWS::AccountId}:table/${TableName}", arnOf + "dynamodb:${AWS::Region}:${AWS::AccountId}:table/${TableName}/index/*"}
	queueARNs = []string{arnOf + "sqs:${AWS::Region}:${AWS::AccountId}:${QueueName}"}
	bothS3    = []string{arnOf + "s3:::${BucketName}", arnOf + "s3:::${BucketName}/*"}
)

var policyTemplates = map[string]*policyTemplate{
	"SQSPollerPolicy":                       {"sqs:ChangeMessageVisibility sqs:ChangeMessageVisibilityBatch sqs:DeleteMessage sqs:DeleteMessageBatch sqs:GetQueueAttributes sqs:ReceiveMessage", queueARNs},
	"SQSSendMessagePolicy":                  {"sqs:SendMessage*", queueARNs},
	"SNSPublishMessagePolicy":               {"sns:Publish", []string{arnOf + "sns:${AWS::Region}:${AWS::AccountId}:${TopicName}"}},
	"LambdaInvokePolicy":                    {"lambda:InvokeFunction", []string{arnOf + "lambda:${AWS::Region}:${AWS::AccountId}:function:${FunctionName}*"}},
	"DynamoDBCrudPolicy":                    {"dynamodb:GetItem dynamodb:DeleteItem dynamodb:PutItem dynamodb:Scan dynamodb:Query dynamodb:UpdateItem dynamodb:BatchWriteItem dynamodb:BatchGetItem dynamodb:DescribeTable dynamodb:ConditionCheckItem", tableARNs},
	"DynamoDBReadPolicy":                    {"dynamodb:GetItem dynamodb:Scan dynamodb:Query dynamodb:BatchGetItem dynamodb:DescribeTable", tableARNs},
	"DynamoDBWritePolicy":                   {"dynamodb:PutItem dynamodb:UpdateItem dynamodb:BatchWriteItem", tableARNs},
	"S3ReadPolicy":                          {"s3:GetObject s3:ListBucket s3:GetBucketLocation s3:GetObjectVersion s3:GetLifecycleConfiguration", bothS3},
	"S3WritePolicy":                         {"s3:PutObject s3:PutObjectAcl s3:PutLifecycleConfiguration", bothS3},
	"S3CrudPolicy":                          {"s3:GetObject s3:ListBucket s3:GetBucketLocation s3:GetObjectVersion s3:PutObject s3:PutObjectAcl s3:GetLifecycleConfiguration s3:PutLifecycleConfiguration s3:DeleteObject", bothS3},
	"StepFunctionsExecutionPolicy":          {"states:StartExecution", []string{arnOf + "states:${AWS::Region}:${AWS::AccountId}:stateMachine:${StateMachineName}"}},
	"EventBridgePutEventsPolicy":            {"events:PutEvents", []string{arnOf + "events:${AWS::Region}:${AWS::AccountId}:event-bus/${EventBusName}"}},
	"SSMParameterReadPolicy":                {"ssm:DescribeParameters ssm:GetParameters ssm:GetParameter ssm:GetParametersByPath", []string{arnOf + "ssm:${AWS::Region}:${AWS::AccountId}:parameter/${ParameterName}"}},
	"AWSSecretsManagerGetSecretValuePolicy": {"secretsmanager:GetSecretValue", []string{"${SecretArn}"}},
	"KMSDecryptPolicy":                      {"kms:Decrypt", []string{arnOf + "kms:${AWS::Region}:${AWS::AccountId}:key/${KeyId}"}},
	"KMSEncryptPolicy":                      {"kms:Encrypt", []string{arnOf + "kms:${AWS::Region}:${AWS::AccountId}:key/${KeyId}"}},
	"CloudWatchPutMetricPolicy":             {"cloudwatch:PutMetricData", nil},
}

func policyDocument(t *policyTemplate, given map[string]any) map[string]any {
	var resources []any
	for _, text := range t.resources {
		variables := map[string]any{}
		for name, v := range given {
			if strings.Contains(text, "${"+name+"}") {
				variables[name] = v
			}
		}
		resources = append(resources, sub1(text, variables))
	}
	if resources == nil {
		return allow("*", strings.Fields(t.actions)...)
	}
	return allow(resources, strings.Fields(t.actions)...)
}

// shift returns the deployment configuration of a preference's Type. The names that SAM
// knows may come from Fn::If.
func shift(kind any) any {
	m, _ := kind.(map[string]any)
	if choices, _ := m["Fn::If"].([]any); len(choices) == 3 && len(m) == 1 {
		return either(choices[0], shift(choices[1]), shift(choices[2]))
	}
	text, _ := kind.(string)
	if strings.HasPrefix(text, "Canary") || strings.HasPrefix(text, "Linear") || text == "AllAtOnce" {
		return "CodeDeployDefault.Lambda" + text
	}
	return kind
}

// deployment makes CodeDeploy shift the traffic of a function's alias.
func (s *serverless) deployment(id string, r, p, alias map[string]any) {
	preference, ok := s.resolved(p["DeploymentPreference"]).(map[string]any)
	if !ok || preference["Enabled"] == false {
		return
	}
	preference = maps.Clone(preference)
	delete(preference, "Enabled")
	const application, serviceRole = "ServerlessDeploymentApplication", "CodeDeployServiceRole"
	s.make(application, "AWS::CodeDeploy::Application", nil, map[string]any{"ComputePlatform": "Lambda"}, false)
	role := preference["Role"]
	if role == nil {
		role = getAtt(serviceRole, "Arn")
		s.make(serviceRole, "AWS::IAM::Role", nil, map[string]any{
			"AssumeRolePolicyDocument": map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{
				"Effect": "Allow", "Action": []any{"sts:AssumeRole"}, "Principal": map[string]any{"Service": []any{"codedeploy.amazonaws.com"}},
			}}},
			"ManagedPolicyArns": []any{managed("service-role/AWSCodeDeployRoleForLambda")},
		}, false)
	}
	group := map[string]any{
		"ApplicationName": ref1(application), "ServiceRoleArn": role, "DeploymentConfigName": shift(preference["Type"]),
		"DeploymentStyle":           map[string]any{"DeploymentType": "BLUE_GREEN", "DeploymentOption": "WITH_TRAFFIC_CONTROL"},
		"AutoRollbackConfiguration": map[string]any{"Enabled": true, "Events": []any{"DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"}},
	}
	if alarms, ok := preference["Alarms"].([]any); ok {
		var list []any
		for _, alarm := range alarms {
			list = append(list, map[string]any{"Name": alarm})
		}
		group["AlarmConfiguration"] = map[string]any{"Enabled": true, "Alarms": list}
	}
	take(preference, group, "TriggerConfigurations")
	s.make(id+"DeploymentGroup", "AWS::CodeDeploy::DeploymentGroup", r, group, false)
	update := map[string]any{"ApplicationName": ref1(application), "DeploymentGroupName": ref1(id + "DeploymentGroup")}
	hooks, _ := preference["Hooks"].(map[string]any)
	for name, hook := range map[string]string{"PreTraffic": "BeforeAllowTrafficHook", "PostTraffic": "AfterAllowTrafficHook"} {
		if v, ok := hooks[name]; ok {
			update[hook] = v
		}
	}
	alias["UpdatePolicy"] = map[string]any{"CodeDeployLambdaAliasUpdate": update}
	for _, done := range []string{"Type", "Alarms", "Hooks", "Role"} {
		delete(preference, done)
	}
	s.left(id, "DeploymentPreference", preference)
}

func (s *serverless) url(id string, r, p map[string]any) {
	config, ok := p["FunctionUrlConfig"].(map[string]any)
	if !ok {
		return
	}
	u := map[string]any{"TargetFunctionArn": ref1(id)}
	config = maps.Clone(config)
	take(config, u, "AuthType", "Cors", "InvokeMode")
	permission := map[string]any{"Action": "lambda:InvokeFunctionUrl", "FunctionName": ref1(id), "Principal": "*", "FunctionUrlAuthType": "NONE"}
	if alias, ok := s.resolved(p["AutoPublishAlias"]).(string); ok {
		u["Qualifier"], permission["FunctionName"] = alias, ref1(id+"Alias"+alias)
	}
	made := s.make(id+"Url", "AWS::Lambda::Url", r, u, false)
	if alias, ok := s.resolved(p["AutoPublishAlias"]).(string); ok {
		made["DependsOn"] = id + "Alias" + alias
	}
	if u["AuthType"] == "NONE" {
		s.make(id+"UrlPublicPermissions", "AWS::Lambda::Permission", r, permission, false)
		s.make(id+"URLInvokeAllowPublicAccess", "AWS::Lambda::Permission", r, map[string]any{
			"Action": "lambda:InvokeFunction", "FunctionName": permission["FunctionName"], "Principal": "*", "InvokedViaFunctionUrl": true,
		}, false)
	}
	s.left(id, "FunctionUrlConfig", config)
}

// A source of events of a function.
type source struct {
	id, name, typ string
	from          map[string]any
	target, arn   any // the function or its alias, as a name and as an ARN
}

func (e source) resource() string { return e.id + e.name }

// event makes what sends the events of one source.
func (s *serverless) event(e source, p map[string]any) {
	made := map[string]any{}
	switch e.typ {
	case "Api", "HttpApi":
		s.apiEvent(e, p)
	case "SQS", "DynamoDB", "Kinesis":
		made["FunctionName"] = e.target
		for _, name := range []string{"Queue", "Stream"} {
			if v, ok := p[name]; ok {
				made["EventSourceArn"] = v
				delete(p, name)
			}
		}
		if e.typ == "SQS" {
			take(p, made, "ScalingConfig")
		}
		take(p, made, "BatchSize", "Enabled", "FilterCriteria", "FunctionResponseTypes", "MaximumBatchingWindowInSeconds", "StartingPosition",
			"BisectBatchOnFunctionError", "DestinationConfig", "MaximumRecordAgeInSeconds", "MaximumRetryAttempts", "ParallelizationFactor", "TumblingWindowInSeconds", "KmsKeyArn")
		s.make(e.resource(), "AWS::Lambda::EventSourceMapping", e.from, made, false)
	case "SNS":
		topic := p["Topic"]
		delete(p, "Topic")
		made["Endpoint"], made["Protocol"], made["TopicArn"] = e.arn, "lambda", topic
		take(p, made, "FilterPolicy", "FilterPolicyScope", "RedrivePolicy")
		s.make(e.resource(), "AWS::SNS::Subscription", e.from, made, false)
		s.permission(e, "sns.amazonaws.com", map[string]any{"SourceArn": topic})
	case "S3":
		s.bucketEvent(e, p)
	case "Schedule", "EventBridgeRule", "CloudWatchEvent":
		s.rule(e, p)
	case "ScheduleV2":
		s.scheduled(e, p)
	default:
		s.invalid(e.id, "The embedded AWS does not support the event %s of type %s", e.name, e.typ)
		return
	}
	s.left(e.id, "the event "+e.name, p)
}

func (s *serverless) permission(e source, service string, more map[string]any) {
	p := map[string]any{"Action": "lambda:InvokeFunction", "FunctionName": e.target, "Principal": service}
	maps.Copy(p, more)
	s.make(e.resource()+"Permission", "AWS::Lambda::Permission", e.from, p, false)
}

func (s *serverless) rule(e source, p map[string]any) {
	target := map[string]any{"Arn": e.arn, "Id": e.resource() + "LambdaTarget"}
	rule := map[string]any{"Targets": []any{target}}
	take(p, target, "Input", "InputPath", "RetryPolicy", "InputTransformer")
	if given, ok := p["Target"].(map[string]any); ok {
		given = maps.Clone(given)
		take(given, target, "Id")
		s.left(e.id, "Target of the event "+e.name, given)
		delete(p, "Target")
	}
	if queue, ok := p["DeadLetterConfig"].(map[string]any); ok && queue["Arn"] != nil {
		target["DeadLetterConfig"] = map[string]any{"Arn": queue["Arn"]}
		delete(p, "DeadLetterConfig")
	}
	if pattern, ok := p["Pattern"]; ok {
		rule["EventPattern"] = pattern
		delete(p, "Pattern")
	}
	if schedule, ok := p["Schedule"]; ok {
		rule["ScheduleExpression"] = schedule
		delete(p, "Schedule")
	}
	if enabled, ok := p["Enabled"].(bool); ok {
		rule["State"] = map[bool]string{true: "ENABLED", false: "DISABLED"}[enabled]
		delete(p, "Enabled")
	}
	take(p, rule, "Name", "Description", "State", "EventBusName")
	if name, ok := p["RuleName"]; ok {
		rule["Name"] = name
		delete(p, "RuleName")
	}
	s.make(e.resource(), "AWS::Events::Rule", e.from, rule, false)
	s.permission(e, "events.amazonaws.com", map[string]any{"SourceArn": getAtt(e.resource(), "Arn")})
}

// scheduled makes a schedule of EventBridge Scheduler, with the role that invokes.
func (s *serverless) scheduled(e source, p map[string]any) {
	target := map[string]any{"Arn": e.arn}
	take(p, target, "Input", "RetryPolicy", "RoleArn")
	schedule := map[string]any{"FlexibleTimeWindow": map[string]any{"Mode": "OFF"}, "Name": e.resource(), "Target": target}
	if p["OmitName"] == true {
		delete(schedule, "Name")
	}
	delete(p, "OmitName")
	var policies []any
	if queue, ok := p["DeadLetterConfig"].(map[string]any); ok && queue["Arn"] != nil {
		target["DeadLetterConfig"] = map[string]any{"Arn": queue["Arn"]}
		policies = append(policies, map[string]any{"PolicyName": e.resource() + "SQSPolicy", "PolicyDocument": allow(queue["Arn"], "sqs:SendMessage")})
		delete(p, "DeadLetterConfig")
	}
	if target["RoleArn"] == nil {
		target["RoleArn"] = getAtt(e.resource()+"Role", "Arn")
		role := map[string]any{
			"AssumeRolePolicyDocument": assumedBy("scheduler.amazonaws.com"),
			"Policies":                 append([]any{map[string]any{"PolicyName": e.resource() + "LambdaPolicy", "PolicyDocument": allow(e.arn, "lambda:InvokeFunction")}}, policies...),
		}
		take(p, role, "PermissionsBoundary")
		s.make(e.resource()+"Role", "AWS::IAM::Role", e.from, role, false)
	}
	take(p, schedule, "Description", "EndDate", "FlexibleTimeWindow", "GroupName", "KmsKeyArn", "Name", "ScheduleExpression", "ScheduleExpressionTimezone", "StartDate", "State")
	s.make(e.resource(), "AWS::Scheduler::Schedule", e.from, schedule, false)
}

func (s *serverless) bucketEvent(e source, p map[string]any) {
	reference, _ := p["Bucket"].(map[string]any)
	name, _ := reference["Ref"].(string)
	bucket, _ := s.made[name].(map[string]any)
	if bucket == nil || bucket["Type"] != "AWS::S3::Bucket" {
		s.invalid(e.id, "S3 events must reference an S3 bucket in the same template")
		clear(p)
		return
	}
	events, isList := p["Events"].([]any)
	if !isList {
		events = []any{p["Events"]}
	}
	properties, _ := bucket["Properties"].(map[string]any)
	properties = maps.Clone(orEmpty(properties))
	notification, _ := properties["NotificationConfiguration"].(map[string]any)
	notification = maps.Clone(orEmpty(notification))
	list, _ := notification["LambdaConfigurations"].([]any)
	for _, event := range events {
		config := map[string]any{"Event": event, "Function": e.arn}
		if filter, ok := p["Filter"]; ok {
			config["Filter"] = filter
		}
		list = append(list, config)
	}
	notification["LambdaConfigurations"] = list
	properties["NotificationConfiguration"] = notification
	s.permission(e, "s3.amazonaws.com", map[string]any{"SourceAccount": ref1("AWS::AccountId")})
	bucket = maps.Clone(bucket)
	needs, _ := dependsOn(bucket["DependsOn"])
	var all []any
	for _, need := range needs {
		all = append(all, need)
	}
	bucket["DependsOn"] = append(all, e.resource()+"Permission")
	bucket["Properties"] = properties
	s.made[name] = bucket
	clear(p)
}

func (s *serverless) simpleTable(id string, r, p map[string]any) {
	p = maps.Clone(p)
	key := map[string]any{"Name": "id", "Type": "String"}
	if given, ok := p["PrimaryKey"].(map[string]any); ok {
		maps.Copy(key, given)
		delete(p, "PrimaryKey")
	}
	kind, ok := map[any]string{"String": "S", "Number": "N", "Binary": "B"}[key["Type"]]
	if !ok {
		s.invalid(id, "Invalid 'PrimaryKey' type %v", key["Type"])
	}
	t := map[string]any{
		"AttributeDefinitions": []any{map[string]any{"AttributeName": key["Name"], "AttributeType": kind}},
		"KeySchema":            []any{map[string]any{"AttributeName": key["Name"], "KeyType": "HASH"}},
	}
	if p["Tags"] != nil {
		t["Tags"] = tags(p)[1:]
	}
	take(p, t, "TableName", "SSESpecification", "ProvisionedThroughput", "PointInTimeRecoverySpecification")
	if t["ProvisionedThroughput"] == nil {
		t["BillingMode"] = "PAY_PER_REQUEST"
	}
	s.make(id, "AWS::DynamoDB::Table", r, t, true)
	s.left(id, "AWS::Serverless::SimpleTable", p)
}

var noAlphanumeric = regexp.MustCompile(`[^a-zA-Z0-9]`)
