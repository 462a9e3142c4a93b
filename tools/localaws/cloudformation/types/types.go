// Package types contains the CloudFormation resource types that the embedded
// AWS manages. Each is implemented as calls to the services.
//
// A type supports the properties that it lists and refuses all others. Its
// physical ids and attributes are those that AWS documents for Ref and
// Fn::GetAtt.
// See https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-template-resource-type-ref.html.
package types

import (
	"context"

	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
)

// Registry returns the resource types, which call the services in d.
func Registry(d Deps) resource.Registry {
	registry := resource.Registry{}
	for _, definition := range []definition{
		bucket(d), bucketPolicy(d),
		repository(d),
		role(d), rolePolicy(d), managedPolicy(d),
		key(d), keyAlias(d),
		parameter(d),
		secret(d),
		function(d), version(d), alias(d), permission(d), functionURL(d), eventInvokeConfig(d),
		logGroup(d),
		alarm(d), compositeAlarm(d), dashboard(d),
		topic(d), subscription(d), topicPolicy(d),
		rule(d),
		application(d), deploymentConfig(d), deploymentGroup(d),
		project(d), reportGroup(d),
		pipeline(d),
		connection(d, "AWS::CodeConnections::Connection"), connection(d, "AWS::CodeStarConnections::Connection"),
		metadata(),
	} {
		registry.Add(definition.handled())
	}
	return registry
}

// metadata is the resource that the CDK uses to report the constructs of an
// app. AWS itself defines it as a no-op.
func metadata() definition {
	result := func(_ context.Context, r *resource.Request) (*resource.Result, error) {
		id := r.PhysicalID
		if id == "" {
			id = generatedName(r, 64)
		}
		return &resource.Result{PhysicalID: id}, nil
	}
	return definition{Type: resource.Type{
		Name:       "AWS::CDK::Metadata",
		Properties: []string{"Analytics", "Modules"},
		Create:     result,
		Update:     result,
		Delete:     func(context.Context, *resource.Request) error { return nil },
	}}
}
