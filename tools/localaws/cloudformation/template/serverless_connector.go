package template

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// A connection is what a connector lets its source do with its destination.
// See https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/reference-sam-connector.html.
type connection struct {
	read, write []statement
	// ofSource is set if the destination, a function, may use the source.
	ofSource bool
}

// A statement allows actions on resources. ARN stands for the ARN of the used resource.
type statement struct {
	actions   string
	resources []string
}

var (
	onARN       = []string{"${ARN}"}
	onTable     = []string{"${ARN}", "${ARN}/index/*"}
	onBucket    = []string{"${ARN}", "${ARN}/*"}
	onStream    = []string{"${ARN}/stream/*"}
	onExecution = []string{"arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:execution:${Name}:*"}
)

const (
	functionType = "AWS::Lambda::Function"
	tableType    = "AWS::DynamoDB::Table"
	queueType    = "AWS::SQS::Queue"
	topicType    = "AWS::SNS::Topic"
	bucketType   = "AWS::S3::Bucket"
	busType      = "AWS::Events::EventBus"
	ruleType     = "AWS::Events::Rule"
	machineType  = "AWS::StepFunctions::StateMachine"
)

// connections are those in which the role of a function gets permissions.
var connections = map[[2]string]connection{
	{functionType, tableType}: {
		read:  []statement{{"dynamodb:GetItem dynamodb:Query dynamodb:Scan dynamodb:BatchGetItem dynamodb:ConditionCheckItem dynamodb:PartiQLSelect", onTable}},
		write: []statement{{"dynamodb:PutItem dynamodb:UpdateItem dynamodb:DeleteItem dynamodb:BatchWriteItem dynamodb:PartiQLDelete dynamodb:PartiQLInsert dynamodb:PartiQLUpdate", onTable}},
	},
	{functionType, queueType}: {
		read:  []statement{{"sqs:ReceiveMessage sqs:GetQueueAttributes", onARN}},
		write: []statement{{"sqs:DeleteMessage sqs:SendMessage sqs:ChangeMessageVisibility sqs:PurgeQueue", onARN}},
	},
	{functionType, topicType}:    {write: []statement{{"sns:Publish", onARN}}},
	{functionType, functionType}: {write: []statement{{"lambda:InvokeAsync lambda:InvokeFunction", onARN}}},
	{functionType, busType}:      {write: []statement{{"events:PutEvents", onARN}}},
	{functionType, bucketType}: {
		read: []statement{{"s3:GetObject s3:GetObjectAcl s3:GetObjectLegalHold s3:GetObjectRetention s3:GetObjectTorrent s3:GetObjectVersion s3:GetObjectVersionAcl " +
			"s3:GetObjectVersionForReplication s3:GetObjectVersionTorrent s3:ListBucket s3:ListBucketMultipartUploads s3:ListBucketVersions s3:ListMultipartUploadParts", onBucket}},
		write: []statement{{"s3:AbortMultipartUpload s3:DeleteObject s3:DeleteObjectVersion s3:PutObject s3:PutObjectLegalHold s3:PutObjectRetention s3:RestoreObject", onBucket}},
	},
	{functionType, machineType}: {
		read:  []statement{{"states:DescribeStateMachine states:ListExecutions", onARN}, {"states:DescribeExecution states:DescribeStateMachineForExecution states:GetExecutionHistory", onExecution}},
		write: []statement{{"states:StartExecution states:StartSyncExecution", onARN}, {"states:StopExecution", onExecution}},
	},
	{queueType, functionType}: {
		ofSource: true,
		read:     []statement{{"sqs:ReceiveMessage sqs:GetQueueAttributes", onARN}},
		write:    []statement{{"sqs:DeleteMessage", onARN}},
	},
	{tableType, functionType}: {
		ofSource: true,
		read:     []statement{{"dynamodb:DescribeStream dynamodb:GetRecords dynamodb:GetShardIterator dynamodb:ListStreams", onStream}},
	},
}

// senders are the sources to which a destination gives permissions, by their type, with
// their service.
var senders = map[string]string{
	ruleType: "events.amazonaws.com", topicType: "sns.amazonaws.com", bucketType: "s3.amazonaws.com",
	"AWS::ApiGateway::RestApi": "apigateway.amazonaws.com", "AWS::ApiGatewayV2::Api": "apigateway.amazonaws.com",
}

// connectors reads the connectors in the attributes of resources, and makes all of them.
func (s *serverless) connectors() {
	for _, id := range sortedKeys(s.given) {
		r, _ := s.given[id].(map[string]any)
		embedded, _ := r["Connectors"].(map[string]any)
		for _, name := range sortedKeys(embedded) {
			c, _ := embedded[name].(map[string]any)
			p, _ := c["Properties"].(map[string]any)
			p = orEmpty(maps.Clone(p))
			source, _ := p["SourceReference"].(map[string]any)
			source = orEmpty(maps.Clone(source))
			source["Id"] = id
			delete(p, "SourceReference")
			p["Source"] = source
			s.connector(id+name, map[string]any{"Condition": r["Condition"], "DependsOn": c["DependsOn"]}, p)
		}
		if r["Type"] == serverlessType+"Connector" {
			p, _ := r["Properties"].(map[string]any)
			s.connector(id, r, orEmpty(maps.Clone(p)))
		}
		if made, ok := s.made[id].(map[string]any); ok && embedded != nil {
			made = maps.Clone(made)
			delete(made, "Connectors")
			s.made[id] = made
		}
	}
}

func (s *serverless) connector(id string, from, p map[string]any) {
	destinations, several := p["Destination"].([]any)
	if !several {
		destinations = []any{p["Destination"]}
	}
	source, _ := p["Source"].(map[string]any)
	permissions, _ := p["Permissions"].([]any)
	kept := map[string]any{}
	for _, name := range []string{"Condition", "DependsOn"} {
		if from[name] != nil {
			kept[name] = from[name]
		}
	}
	for i, v := range destinations {
		destination, _ := v.(map[string]any)
		suffix := ""
		if several {
			suffix = "Destination" + strconv.Itoa(i)
		}
		s.connect(id, suffix, kept, source, destination, permissions)
	}
	for _, done := range []string{"Source", "Destination", "Permissions"} {
		delete(p, done)
	}
	s.left(id, serverlessType+"Connector", p)
}

// end returns the id and the type of one end of a connector.
func (s *serverless) end(connector, kind string, end map[string]any) (id, typ string, ok bool) {
	id, _ = end["Id"].(string)
	made, _ := s.made[id].(map[string]any)
	typ, _ = made["Type"].(string)
	if typ == "" {
		s.invalid(connector, "The embedded AWS supports only connectors whose %s has the Id of a resource in the same template", kind)
	}
	return id, typ, typ != ""
}

func (s *serverless) connect(id, suffix string, from, source, destination map[string]any, permissions []any) {
	sourceID, sourceType, ok := s.end(id, "Source", source)
	destinationID, destinationType, alsoOK := s.end(id, "Destination", destination)
	if !ok || !alsoOK {
		return
	}
	if c, ok := connections[[2]string{sourceType, destinationType}]; ok {
		function, used := sourceID, destinationID
		if c.ofSource {
			function, used = destinationID, sourceID
		}
		s.grant(id, suffix, from, c, function, used, permissions)
		return
	}
	service := senders[sourceType]
	arn := s.arnOf(sourceID, sourceType)
	statement := func(action string) map[string]any {
		return map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{
			"Effect": "Allow", "Principal": map[string]any{"Service": service}, "Action": action, "Resource": s.arnOf(destinationID, destinationType),
			"Condition": map[string]any{"ArnEquals": map[string]any{"aws:SourceArn": arn}},
		}}}
	}
	switch {
	case service != "" && destinationType == functionType:
		permission := map[string]any{"Action": "lambda:InvokeFunction", "FunctionName": s.arnOf(destinationID, destinationType), "Principal": service, "SourceArn": arn}
		made := id + "WriteLambdaPermission" + suffix
		if sourceType == bucketType {
			// The bucket needs the permission before it can notify.
			permission["SourceAccount"] = ref1("AWS::AccountId")
			permission["SourceArn"] = sub1("arn:${AWS::Partition}:s3:::"+s.bucketName(sourceID), nil)
			s.needs(sourceID, made)
		}
		s.make(made, "AWS::Lambda::Permission", from, permission, true)
	case (sourceType == ruleType || sourceType == topicType) && destinationType == queueType:
		s.make(id+"QueuePolicy"+suffix, "AWS::SQS::QueuePolicy", from, map[string]any{"PolicyDocument": statement("sqs:SendMessage"), "Queues": []any{ref1(destinationID)}}, true)
	case sourceType == ruleType && destinationType == topicType:
		s.make(id+"TopicPolicy"+suffix, "AWS::SNS::TopicPolicy", from, map[string]any{"PolicyDocument": statement("sns:Publish"), "Topics": []any{ref1(destinationID)}}, true)
	default:
		s.invalid(id, "The embedded AWS does not support connectors from %s to %s", sourceType, destinationType)
	}
}

// arnOf returns the ARN of a resource.
func (s *serverless) arnOf(id, typ string) any {
	switch typ {
	case topicType, machineType:
		return ref1(id)
	case "AWS::ApiGateway::RestApi", "AWS::ApiGatewayV2::Api":
		return sub1("arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${"+id+"}/*", nil)
	}
	return getAtt(id, "Arn")
}

// bucketName returns what stands for the name of a bucket in Fn::Sub. It does not refer to
// the bucket if the template names it, because the bucket needs the permission.
func (s *serverless) bucketName(id string) string {
	made, _ := s.made[id].(map[string]any)
	p, _ := made["Properties"].(map[string]any)
	if name, ok := p["BucketName"].(string); ok {
		return name
	}
	return "*"
}

// needs makes a resource depend on another one.
func (s *serverless) needs(id, need string) {
	made, ok := s.made[id].(map[string]any)
	if !ok {
		return
	}
	made = maps.Clone(made)
	var all []any
	names, _ := dependsOn(made["DependsOn"])
	for _, name := range names {
		all = append(all, name)
	}
	if !slices.Contains(names, need) {
		all = append(all, need)
	}
	made["DependsOn"] = all
	s.made[id] = made
}

// grant gives the role of a function the permissions of a connection.
func (s *serverless) grant(id, suffix string, from map[string]any, c connection, function, used string, permissions []any) {
	made, _ := s.made[function].(map[string]any)
	p, _ := made["Properties"].(map[string]any)
	role, ok := roleOf(p["Role"])
	if !ok {
		s.invalid(id, "Unable to get IAM role name from 'Source' or 'Destination' resource: %s must have a Role of the same template", function)
		return
	}
	usedMade, _ := s.made[used].(map[string]any)
	typ, _ := usedMade["Type"].(string)
	var statements []any
	for _, kind := range permissions {
		list := map[any][]statement{"Read": c.read, "Write": c.write}[kind]
		if len(list) == 0 {
			s.invalid(id, "Unsupported 'Permissions' provided for connector: %v", kind)
		}
		for _, st := range list {
			var resources []any
			for _, form := range st.resources {
				variables := map[string]any{}
				if strings.Contains(form, "${ARN}") {
					variables["ARN"] = s.arnOf(used, typ)
				}
				if strings.Contains(form, "${Name}") {
					variables["Name"] = getAtt(used, "Name")
				}
				resources = append(resources, sub1(form, variables))
			}
			statements = append(statements, allow(resources, strings.Fields(st.actions)...)["Statement"].([]any)[0])
		}
	}
	policy := id + "Policy" + suffix
	s.make(policy, "AWS::IAM::ManagedPolicy", from, map[string]any{
		"PolicyDocument": map[string]any{"Version": "2012-10-17", "Statement": statements}, "Roles": []any{role},
	}, true)
	if !c.ofSource {
		return
	}
	// Lambda looks at the role when a mapping is made.
	for _, name := range sortedKeys(s.made) {
		mapping, _ := s.made[name].(map[string]any)
		properties, _ := mapping["Properties"].(map[string]any)
		if mapping["Type"] != "AWS::Lambda::EventSourceMapping" {
			continue
		}
		if refs := References(properties); slices.ContainsFunc(refs, func(r Reference) bool { return r.Name == function }) &&
			slices.ContainsFunc(refs, func(r Reference) bool { return r.Name == used }) {
			s.needs(name, policy)
		}
	}
}

// roleOf returns the name of a role of the template, from its ARN.
func roleOf(arn any) (any, bool) {
	m, _ := arn.(map[string]any)
	ref, ok := attributeReference(m["Fn::GetAtt"])
	return ref1(ref.Name), ok && ref.Attribute == "Arn"
}
