package readiness

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/internal/cfnschema"
)

// A protection is a number that says how well something protects a stateful
// resource's data; lower is weaker. It is NaN if the template does not say.
type protection struct {
	name  string
	value float64
	least float64 // the minimum for a release to production
}

// stateful lists the types whose data a deployment can't recreate, and what
// protects it. CloudFormation's documented defaults count.
var stateful = map[string]func(map[string]any) []protection{
	"AWS::DynamoDB::GlobalTable": func(p map[string]any) []protection {
		value := 1.0
		replicas := cfnList(p["Replicas"])
		for _, replica := range replicas {
			value = min(value, flag(cfnAt(replica, "PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled")))
		}
		if len(replicas) == 0 {
			value = 0
		}
		return []protection{{"point-in-time recovery", value, 1}}
	},
	"AWS::DynamoDB::Table": func(p map[string]any) []protection {
		return []protection{
			{"point-in-time recovery", flag(cfnAt(p, "PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled")), 1},
			{"deletion protection", flag(p["DeletionProtectionEnabled"]), 0},
		}
	},
	"AWS::ECR::Repository": func(map[string]any) []protection { return nil },
	"AWS::EFS::FileSystem": func(p map[string]any) []protection {
		return []protection{{"automatic backups", word(cfnAt(p, "BackupPolicy", "Status"), "ENABLED"), 1}}
	},
	"AWS::KMS::Key": func(p map[string]any) []protection {
		return []protection{{"days before a deletion", number(p["PendingWindowInDays"], 30), 7}}
	},
	"AWS::Logs::LogGroup": func(p map[string]any) []protection {
		return []protection{{"days of retention", number(p["RetentionInDays"], math.Inf(1)), 1}}
	},
	"AWS::RDS::DBCluster":  rdsProtections,
	"AWS::RDS::DBInstance": rdsProtections,
	"AWS::S3::Bucket":      bucketProtections,
	"AWS::SQS::Queue": func(p map[string]any) []protection {
		return []protection{{"seconds of retention", number(p["MessageRetentionPeriod"], 345600), 60}}
	},
	"AWS::SecretsManager::Secret": func(map[string]any) []protection { return nil },

	"AWS::Backup::BackupVault": func(map[string]any) []protection { return nil },
	"AWS::Cognito::UserPool": func(p map[string]any) []protection {
		return []protection{{"deletion protection", word(p["DeletionProtection"], "ACTIVE"), 0}}
	},
	"AWS::DSQL::Cluster": func(p map[string]any) []protection {
		return []protection{{"deletion protection", flag(p["DeletionProtectionEnabled"]), 0}}
	},
	"AWS::DocDB::DBCluster": rdsProtections,
	"AWS::Events::Archive": func(p map[string]any) []protection {
		days := number(p["RetentionDays"], math.Inf(1))
		if days == 0 { // without end, as if it were left out
			days = math.Inf(1)
		}
		return []protection{{"days of retention", days, 1}}
	},
	"AWS::Kinesis::Stream": func(p map[string]any) []protection {
		return []protection{{"hours of retention", number(p["RetentionPeriodHours"], 24), 24}}
	},
	"AWS::Neptune::DBCluster":               rdsProtections,
	"AWS::OpenSearchServerless::Collection": func(map[string]any) []protection { return nil },
	"AWS::OpenSearchService::Domain":        func(map[string]any) []protection { return nil },
	"AWS::Timestream::Table":                func(map[string]any) []protection { return nil },
	// The CDK's autoDeleteObjects: whatever removes this resource deletes all objects
	// of its bucket.
	"Custom::S3AutoDeleteObjects": func(map[string]any) []protection {
		return []protection{{"objects that stay when it is removed", 0, 1}}
	},
}

func rdsProtections(p map[string]any) []protection {
	least := 1.0
	if p["DBClusterIdentifier"] != nil && p["Engine"] != nil && strings.HasPrefix(cfnText(p["Engine"]), "aurora") {
		// The cluster has the backups.
		least = 0
	}
	return []protection{
		{"days of backups", number(p["BackupRetentionPeriod"], 1), least},
		{"deletion protection", flag(p["DeletionProtection"]), 0},
	}
}

func bucketProtections(p map[string]any) []protection {
	retention := cfnAt(p, "ObjectLockConfiguration", "Rule", "DefaultRetention")
	days := number(cfnAt(retention, "Days"), 0) + 365*number(cfnAt(retention, "Years"), 0)
	expiry, noncurrent := math.Inf(1), math.Inf(1)
	for _, rule := range cfnList(cfnAt(p, "LifecycleConfiguration", "Rules")) {
		if word(cfnAt(rule, "Status"), "Enabled") == 0 {
			continue
		}
		expiry = min(expiry, number(cfnAt(rule, "ExpirationInDays"), math.Inf(1)))
		if cfnAt(rule, "ExpirationDate") != nil {
			expiry = 0
		}
		noncurrent = min(noncurrent,
			number(cfnAt(rule, "NoncurrentVersionExpirationInDays"), math.Inf(1)),
			number(cfnAt(rule, "NoncurrentVersionExpiration", "NoncurrentDays"), math.Inf(1)))
	}
	return []protection{
		{"versioning", word(cfnAt(p, "VersioningConfiguration", "Status"), "Enabled"), 1},
		{"object lock", flag(p["ObjectLockEnabled"]), 0},
		{"days of object lock", days, 0},
		{"object lock in compliance mode", word(cfnAt(retention, "Mode"), "COMPLIANCE"), 0},
		{"days until objects expire", expiry, 1},
		{"days until old versions expire", noncurrent, 1},
	}
}

// number reads a number that is in JSON's form or a text.
func number(v any, unset float64) float64 {
	switch v := v.(type) {
	case nil:
		return unset
	case float64:
		return v
	case string:
		var n float64
		if _, err := fmt.Sscan(v, &n); err == nil {
			return n
		}
	}
	return math.NaN()
}

// flag returns 1 for true, and 0 for false or a missing value.
func flag(v any) float64 {
	switch v {
	case true, "true":
		return 1
	case nil, false, "false":
		return 0
	}
	return math.NaN()
}

// word returns 1 for the wanted word, and 0 for another word or a missing value.
func word(v any, want string) float64 {
	switch v := v.(type) {
	case nil:
		return 0
	case string:
		if v == want {
			return 1
		}
		return 0
	}
	return math.NaN()
}

// kept returns how well a DeletionPolicy or UpdateReplacePolicy keeps a
// resource. Without a policy, CloudFormation deletes the resource, but takes a
// snapshot of a database.
// See https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html.
func kept(resource cfnResource, policy string) int {
	switch policy {
	case "Retain":
		return 3
	case "RetainExceptOnCreate":
		return 2
	case "Snapshot":
		return 1
	case "":
		if resource.Type == "AWS::RDS::DBCluster" || resource.Type == "AWS::RDS::DBInstance" && resource.Properties["DBClusterIdentifier"] == nil {
			return 1
		}
	}
	return 0
}

// fixed returns the properties of a type that can't be updated. If one changes,
// CloudFormation replaces the resource or refuses.
func fixed(name string) []string {
	return slices.Concat(cfnschema.CreateOnly(name), cfnschema.Refused(name))
}
