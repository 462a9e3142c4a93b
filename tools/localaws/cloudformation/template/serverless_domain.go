package template

import (
	"crypto/sha1" // #nosec G505 -- these are the ids that SAM gives, not a protection
	"encoding/hex"
	"encoding/json"
	"maps"
	"strings"
)

// digested returns a logical id that ends with a digest of a value, as SAM writes it.
func digested(prefix string, v any) string {
	text, ok := v.(string)
	if !ok {
		encoded, err := json.Marshal(v)
		if err != nil {
			// What came from a template can always be encoded.
			panic(err)
		}
		text = string(encoded)
	}
	sum := sha1.Sum([]byte(text)) // #nosec G401 -- see the import
	return prefix + hex.EncodeToString(sum[:])[:10]
}

// A domainName is the custom domain name of an API.
type domainName struct {
	id         string // logical
	name       any
	properties map[string]any // of the template
	paths      []string
	edge       bool
}

// domain reads the domain of an API. It returns nil if there is none.
func (s *serverless) domain(id, prefix string, p map[string]any) *domainName {
	given, ok := s.resolved(p["Domain"]).(map[string]any)
	delete(p, "Domain")
	if !ok {
		return nil
	}
	given = maps.Clone(given)
	d := &domainName{name: given["DomainName"], properties: given, edge: given["EndpointConfiguration"] == "EDGE"}
	if d.name == nil || given["CertificateArn"] == nil {
		s.invalid(id, "Custom Domains only works if both DomainName and CertificateArn are provided")
		return nil
	}
	d.id = digested(prefix, d.name)
	paths, isList := given["BasePath"].([]any)
	if !isList && given["BasePath"] != nil {
		paths = []any{given["BasePath"]}
	}
	for _, path := range paths {
		text, _ := path.(string)
		d.paths = append(d.paths, strings.Trim(text, "/"))
	}
	if len(d.paths) == 0 {
		d.paths = []string{""}
	}
	for _, done := range []string{"DomainName", "BasePath", "EndpointConfiguration"} {
		delete(given, done)
	}
	return d
}

func (s *serverless) restDomain(id string, api *apiDescription, p map[string]any) {
	d := s.domain(id, "ApiGatewayDomainName", p)
	if d == nil {
		return
	}
	name := map[string]any{"DomainName": d.name, "EndpointConfiguration": map[string]any{"Types": []any{"REGIONAL"}}}
	certificate := "RegionalCertificateArn"
	if d.edge {
		name["EndpointConfiguration"], certificate = map[string]any{"Types": []any{"EDGE"}}, "CertificateArn"
	}
	name[certificate] = d.properties["CertificateArn"]
	delete(d.properties, "CertificateArn")
	take(d.properties, name, "MutualTlsAuthentication", "OwnershipVerificationCertificateArn", "SecurityPolicy")
	s.make(d.id, "AWS::ApiGateway::DomainName", api.from, name, false)
	for _, path := range d.paths {
		mapping := map[string]any{"DomainName": ref1(d.id), "RestApiId": ref1(id), "Stage": ref1(api.stage)}
		if path != "" {
			mapping["BasePath"] = path
		}
		s.make(id+noAlphanumeric.ReplaceAllString(path, "")+"BasePathMapping", "AWS::ApiGateway::BasePathMapping", api.from, mapping, false)
	}
	s.records(id, d)
	s.aliases[id+".DomainName"] = d.id
}

func (s *serverless) httpDomain(id string, api *apiDescription, p map[string]any) {
	d := s.domain(id, "ApiGatewayDomainNameV2", p)
	if d == nil {
		return
	}
	configuration := map[string]any{"EndpointType": "REGIONAL"}
	take(d.properties, configuration, "CertificateArn", "SecurityPolicy", "OwnershipVerificationCertificateArn")
	name := map[string]any{"DomainName": d.name, "DomainNameConfigurations": []any{configuration}}
	take(d.properties, name, "MutualTlsAuthentication")
	s.make(d.id, "AWS::ApiGatewayV2::DomainName", api.from, name, false)
	for _, path := range d.paths {
		mapping := map[string]any{"DomainName": ref1(d.id), "ApiId": ref1(id), "Stage": ref1(api.stage)}
		if path != "" {
			mapping["ApiMappingKey"] = path
		}
		s.make(id+noAlphanumeric.ReplaceAllString(path, "")+"ApiMapping", "AWS::ApiGatewayV2::ApiMapping", api.from, mapping, false)
	}
	s.records(id, d)
	s.aliases[id+".DomainName"] = d.id
}

// cloudFrontZone is the hosted zone of all distributions of CloudFront.
const cloudFrontZone = "Z2FDTNDATAQYW2"

// records makes the records that lead to a domain name. The domains of one hosted zone
// share a group.
func (s *serverless) records(id string, d *domainName) {
	route, ok := d.properties["Route53"].(map[string]any)
	delete(d.properties, "Route53")
	s.left(id, "Domain", d.properties)
	if !ok {
		return
	}
	route = maps.Clone(route)
	group := map[string]any{}
	take(route, group, "HostedZoneId", "HostedZoneName")
	zone := group["HostedZoneId"]
	if zone == nil {
		zone = group["HostedZoneName"]
	}
	if zone == nil {
		s.invalid(id, "HostedZoneId or HostedZoneName is required to enable Route53 support on Custom Domains")
		return
	}
	alias := map[string]any{"DNSName": getAtt(d.id, "RegionalDomainName"), "HostedZoneId": getAtt(d.id, "RegionalHostedZoneId")}
	if d.edge {
		alias = map[string]any{"DNSName": getAtt(d.id, "DistributionDomainName"), "HostedZoneId": cloudFrontZone}
		if name, ok := route["DistributionDomainName"]; ok {
			alias["DNSName"] = name
		}
	}
	take(route, alias, "EvaluateTargetHealth")
	groupID := digested("RecordSetGroup", zone)
	var sets []any
	if made, ok := s.made[groupID].(map[string]any); ok {
		sets, _ = made["Properties"].(map[string]any)["RecordSets"].([]any)
	}
	kinds := []string{"A"}
	if route["IpV6"] == true {
		kinds = append(kinds, "AAAA")
	}
	for _, kind := range kinds {
		record := map[string]any{"Name": d.name, "Type": kind, "AliasTarget": alias}
		for _, name := range []string{"Region", "SetIdentifier"} {
			if v, ok := route[name]; ok {
				record[name] = v
			}
		}
		sets = append(sets, record)
	}
	group["RecordSets"] = sets
	s.make(groupID, "AWS::Route53::RecordSetGroup", nil, group, false)
	for _, done := range []string{"DistributionDomainName", "IpV6", "Region", "SetIdentifier"} {
		delete(route, done)
	}
	s.left(id, "Domain.Route53", route)
}
