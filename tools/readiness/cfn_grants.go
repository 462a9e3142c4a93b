package readiness

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// A grant is the smallest unit that a template allows or denies: one action on
// one resource for one principal.
type grant struct {
	where     string // the resource that contains it, as logical id and type
	holder    string // only grants with the same holder are compared
	deny      bool
	principal string
	action    string
	resource  string
	condition string
	// exact says that its wildcards have no meaning: a different text is a
	// different grant.
	exact bool
}

func (g grant) String() string {
	verb := "allows"
	if g.deny {
		verb = "denies"
	}
	text := g.where + " " + verb + " " + g.action
	if g.resource != "" {
		text += " on " + g.resource
	}
	if g.principal != "" {
		text += " to " + g.principal
	}
	if g.condition != "" {
		text += " if " + g.condition
	}
	return text
}

// covers reports whether g grants everything that other grants. Conditions are
// not interpreted, so a different condition counts as wider.
func (g grant) covers(other grant) bool {
	if g.holder != other.holder || g.deny != other.deny || g.exact != other.exact {
		return false
	}
	if g.condition != "" && g.condition != other.condition {
		return false
	}
	if g.exact {
		return g.principal == other.principal && g.action == other.action && g.resource == other.resource
	}
	return (g.principal == "*" && other.principal != "" || g.principal == other.principal) &&
		wildcard(strings.ToLower(g.action), strings.ToLower(other.action)) && wildcard(g.resource, other.resource)
}

// wildcard matches as IAM does: * stands for any text, ? for one character.
// Only a * in the pattern matches a * in the text.
func wildcard(pattern, text string) bool {
	for pattern != "" {
		switch {
		case pattern[0] == '*':
			for i := 0; i <= len(text); i++ {
				if wildcard(pattern[1:], text[i:]) {
					return true
				}
			}
			return false
		case text == "" || pattern[0] != text[0] && (pattern[0] != '?' || text[0] == '*'):
			return false
		}
		pattern, text = pattern[1:], text[1:]
	}
	return text == ""
}

// grants returns everything that a template allows and denies, sorted.
func (t cfnTemplate) grants() []grant {
	var all []grant
	for _, id := range t.ids() {
		resource := t.Resources[id]
		found := append(documents(id, "", resource.Properties), others(id, resource)...)
		for _, g := range found {
			g.where = t.describe(id)
			all = append(all, g)
		}
	}
	slices.SortStableFunc(all, func(a, b grant) int { return strings.Compare(a.String(), b.String()) })
	return all
}

// documents finds the policy documents in a resource: IAM's, and those of
// buckets, topics, keys, queues, repositories and secrets.
func documents(holder, path string, v any) []grant {
	var found []grant
	switch v := v.(type) {
	case map[string]any:
		if _, ok := v["Statement"]; ok {
			for _, statement := range cfnList(v["Statement"]) {
				found = append(found, statementGrants(holder+path, statement)...)
			}
			return found
		}
		for key, value := range v {
			found = append(found, documents(holder, path+"."+key, value)...)
		}
	case []any:
		for _, value := range v {
			found = append(found, documents(holder, path, value)...)
		}
	case string:
		var document map[string]any
		if strings.Contains(v, `"Statement"`) && json.Unmarshal([]byte(v), &document) == nil {
			return documents(holder, path, document)
		}
	}
	return found
}

func statementGrants(holder string, statement any) []grant {
	s, ok := statement.(map[string]any)
	if !ok {
		return []grant{{holder: holder, action: cfnText(statement), exact: true}}
	}
	deny := s["Effect"] == "Deny"
	if s["NotAction"] != nil || s["NotResource"] != nil || s["NotPrincipal"] != nil || s["Effect"] != "Deny" && s["Effect"] != "Allow" {
		return []grant{{holder: holder, deny: deny, action: cfnText(statement), exact: true}}
	}
	var found []grant
	for _, principal := range principals(s["Principal"]) {
		for _, action := range texts(s["Action"]) {
			for _, resource := range texts(s["Resource"]) {
				found = append(found, grant{
					holder: holder, deny: deny, principal: principal, action: action, resource: resource, condition: cfnText(s["Condition"]),
				})
			}
		}
	}
	return found
}

// texts returns one or several values as texts. Nothing becomes one empty text.
func texts(v any) []string {
	list := cfnList(v)
	if len(list) == 0 {
		return []string{""}
	}
	out := make([]string, len(list))
	for i, e := range list {
		out[i] = cfnText(e)
	}
	return out
}

func principals(v any) []string {
	m, ok := v.(map[string]any)
	if _, intrinsic := cfnIntrinsic(m); !ok || intrinsic {
		return texts(v)
	}
	var out []string
	for kind, values := range m {
		for _, name := range texts(values) {
			if kind == "AWS" && name == "*" {
				out = append(out, "*")
				continue
			}
			out = append(out, kind+" "+name)
		}
	}
	return out
}

// others returns the grants that are not in policy documents.
func others(id string, resource cfnResource) []grant {
	p := resource.Properties
	exact := func(deny bool, action string, value any) grant {
		return grant{holder: id, deny: deny, action: action, resource: cfnText(value), exact: true}
	}
	var found []grant
	each := func(deny bool, property, action string) {
		for _, value := range cfnList(p[property]) {
			found = append(found, exact(deny, action, value))
		}
	}
	switch {
	case resource.Type == "AWS::IAM::Role" || resource.Type == "AWS::IAM::Policy" || resource.Type == "AWS::IAM::ManagedPolicy":
		each(false, "ManagedPolicyArns", "what the managed policy allows")
		each(true, "PermissionsBoundary", "what is beyond the permissions boundary")
		for _, property := range []string{"Roles", "Users", "Groups"} {
			each(false, property, "its statements")
		}
	case strings.HasPrefix(resource.Type, "AWS::IAM::"):
		found = append(found, exact(false, "an identity", p), exact(false, "an identity", resource.Type))
		each(false, "ManagedPolicyArns", "what the managed policy allows")
	case resource.Type == "AWS::Lambda::Permission":
		found = append(found, permission(p))
	case resource.Type == "AWS::Lambda::Url":
		found = append(found, functionURL(id, p)...)
	case resource.Type == "AWS::Lambda::LayerVersionPermission":
		found = append(found, grant{holder: "layer " + cfnText(p["LayerVersionArn"]), principal: cfnText(p["Principal"]), action: cfnText(p["Action"]), condition: cfnText(p["OrganizationId"])})
	case strings.HasPrefix(resource.Type, "AWS::ApiGateway"), strings.HasPrefix(resource.Type, "AWS::AppSync::"), strings.HasPrefix(resource.Type, "AWS::Cognito::"):
		found = append(found, callers(id, resource)...)
	case resource.Type == "AWS::ElasticLoadBalancingV2::LoadBalancer":
		if scheme := p["Scheme"]; scheme != "internal" {
			found = append(found, exact(false, "access from the internet", scheme))
		}
	case resource.Type == "AWS::CloudFront::Distribution":
		for _, origin := range cfnList(cfnAt(p, "DistributionConfig", "Origins")) {
			found = append(found, exact(false, "access from the internet to an origin", origin))
		}
	case resource.Type == "AWS::Events::EventBusPolicy" && p["Statement"] == nil:
		found = append(found, grant{holder: "event bus " + cfnText(p["EventBusName"]), principal: cfnText(p["Principal"]), action: cfnText(p["Action"]), condition: cfnText(p["Condition"])})
	case resource.Type == "AWS::EC2::SecurityGroup":
		each(false, "SecurityGroupIngress", "traffic in")
		each(false, "SecurityGroupEgress", "traffic out")
		if p["SecurityGroupEgress"] == nil {
			// This is EC2's default.
			found = append(found, exact(false, "traffic out", "anything"))
		}
	case strings.HasPrefix(resource.Type, "AWS::EC2::"):
		found = append(found, exact(false, "network", p))
	}
	for _, name := range []string{"BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"} {
		if flag(cfnAt(p, "PublicAccessBlockConfiguration", name)) == 1 {
			found = append(found, exact(true, "public access", name))
		}
	}
	if vpc := p["VpcConfig"]; vpc != nil {
		found = append(found, exact(false, "network", vpc), exact(true, "any network except", vpc))
	}
	if public := p["PubliclyAccessible"]; public != nil && flag(public) != 0 {
		found = append(found, exact(false, "access from the internet", public))
	}
	if p["AuthorizationType"] == "NONE" && !strings.HasPrefix(resource.Type, "AWS::ApiGateway") {
		found = append(found, exact(false, "calls without authorization", ""))
	}
	return found
}

// callers returns the grants of APIs and of user pools: who may call what.
func callers(id string, resource cfnResource) []grant {
	p := resource.Properties
	exact := func(action string, value any) grant {
		return grant{holder: id, action: action, resource: cfnText(value), exact: true}
	}
	var found []grant
	switch resource.Type {
	case "AWS::ApiGateway::Method":
		found = append(found, route(cfnText(p["RestApiId"])+" "+cfnText(p["ResourceId"]), cfnText(p["HttpMethod"]), p))
	case "AWS::ApiGatewayV2::Route":
		found = append(found, route(cfnText(p["ApiId"]), cfnText(p["RouteKey"]), p))
	case "AWS::ApiGatewayV2::Api":
		// Without a Target or a Body, its routes say who calls it.
		for _, name := range []string{"Target", "Body", "BodyS3Location"} {
			if p[name] != nil {
				found = append(found, exact("calls of the API that it defines itself", p[name]))
			}
		}
		if p["CorsConfiguration"] != nil {
			found = append(found, exact("pages of other origins", p["CorsConfiguration"]))
		}
	case "AWS::ApiGateway::RestApi":
		for _, name := range []string{"Body", "BodyS3Location"} {
			if p[name] != nil {
				found = append(found, exact("calls of the API that it defines itself", p[name]))
			}
		}
		// An API that says nothing has an endpoint of the kind EDGE.
		endpoint := p["EndpointConfiguration"]
		if endpoint == nil {
			endpoint = map[string]any{"Types": []any{"EDGE"}}
		}
		found = append(found, exact("access by the endpoint", endpoint))
	case "AWS::ApiGateway::Authorizer", "AWS::ApiGatewayV2::Authorizer":
		// Whatever changes here, may let others in.
		found = append(found, exact("what the authorizer admits", p))
	case "AWS::AppSync::GraphQLApi":
		for _, name := range []string{"AuthenticationType", "AdditionalAuthenticationProviders", "UserPoolConfig", "OpenIDConnectConfig", "LambdaAuthorizerConfig"} {
			for _, value := range cfnList(p[name]) {
				found = append(found, exact("calls by "+name, value))
			}
		}
	case "AWS::AppSync::ApiKey":
		found = append(found, exact("calls by an API key", p["ApiId"]))
	case "AWS::Cognito::UserPool":
		if flag(cfnAt(p, "AdminCreateUserConfig", "AllowAdminCreateUserOnly")) != 1 {
			found = append(found, exact("that anybody signs up", ""))
		}
	case "AWS::Cognito::UserPoolClient":
		for _, name := range []string{"AllowedOAuthFlows", "AllowedOAuthScopes", "CallbackURLs", "ExplicitAuthFlows", "SupportedIdentityProviders"} {
			for _, value := range cfnList(p[name]) {
				found = append(found, exact("signing in by "+name, value))
			}
		}
	case "AWS::Cognito::IdentityPool":
		if flag(p["AllowUnauthenticatedIdentities"]) != 0 {
			found = append(found, exact("identities that have not signed in", ""))
		}
	case "AWS::Cognito::IdentityPoolRoleAttachment":
		found = append(found, exact("the roles of who has signed in", p))
	}
	return found
}

// route returns the grant of a route or method of an API. One without authorization
// admits everybody whom one with authorization admits.
// See https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-access-control.html.
func route(api, key string, p map[string]any) grant {
	g := grant{holder: "routes of " + api, action: "calls of " + key, principal: "*"}
	if flag(p["ApiKeyRequired"]) == 1 {
		g.condition = "they have an API key"
	}
	kind := cfnText(p["AuthorizationType"])
	if kind == "" || kind == "NONE" {
		return g
	}
	g.principal = strings.TrimSpace("callers that " + kind + " " + cfnText(p["AuthorizerId"]) + " admits")
	if scopes := p["AuthorizationScopes"]; scopes != nil {
		g.principal += " with " + cfnText(scopes)
	}
	return g
}

// permission returns the grant of a statement in a function's resource policy.
// The remaining properties only make it narrower.
func permission(p map[string]any) grant {
	narrow := map[string]any{}
	for name, value := range p {
		if name != "Action" && name != "Principal" && name != "FunctionName" {
			narrow[name] = value
		}
	}
	function := cfnText(p["FunctionName"])
	g := grant{holder: "permission of " + function, principal: cfnText(p["Principal"]), action: cfnText(p["Action"]), resource: function}
	if len(narrow) > 0 {
		g.condition = cfnText(narrow)
	}
	return g
}

// functionURL returns the grants of a URL. A URL without authorization admits
// everyone whom a URL with authorization admits.
func functionURL(id string, p map[string]any) []grant {
	url := func(who string) grant {
		return grant{holder: id, action: "calls of the URL", resource: fmt.Sprintf("%s:%s", cfnText(p["TargetFunctionArn"]), cfnText(p["Qualifier"])), principal: who, exact: true}
	}
	found := []grant{url("callers that IAM knows")}
	if p["AuthType"] != "AWS_IAM" {
		found = append(found, url("everybody"))
	}
	if p["Cors"] != nil {
		found = append(found, grant{holder: id, action: "pages of other origins", resource: cfnText(p["Cors"]), exact: true})
	}
	return found
}

// broadened returns what the grants after allow and the grants before do not.
func broadened(before, after []grant) []string {
	var found []string
	covered := func(by []grant, g grant) bool {
		return slices.ContainsFunc(by, func(other grant) bool { return other.covers(g) })
	}
	for _, g := range after {
		if !g.deny && !covered(before, g) {
			found = append(found, g.String())
		}
	}
	for _, g := range before {
		if g.deny && !covered(after, g) {
			found = append(found, "no longer so: "+g.String())
		}
	}
	return found
}
