package codepipeline

import (
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
)

// Quotas and patterns of a declaration.
// See https://docs.aws.amazon.com/codepipeline/latest/userguide/limits.html and
// https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_PipelineDeclaration.html.
const (
	maxStages        = 50
	maxActions       = 50 // per stage
	maxRunOrder      = 999
	maxConfiguration = 10_000 // characters of one value
	minTimeout       = 5      // minutes
	maxTimeout       = 86_400
)

var (
	namePattern      = regexp.MustCompile(`^[A-Za-z0-9.@_-]{1,100}$`)
	artifactPattern  = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)
	namespacePattern = regexp.MustCompile(`^[A-Za-z0-9@_-]{1,100}$`)
	rolePattern      = regexp.MustCompile(`^arn:aws[\w-]*:iam::([0-9]{12}):role/`)
	variablePattern  = regexp.MustCompile(`^[A-Za-z0-9@_-]{1,128}$`)
)

// A position orders actions. An action comes before another if its stage does
// or, within a stage, if its run order is lower.
type position struct{ stage, runOrder int }

func (p position) before(q position) bool {
	return p.stage < q.stage || p.stage == q.stage && p.runOrder < q.runOrder
}

// validate refuses declarations that AWS would refuse. It also refuses, by
// name, what this CodePipeline cannot run.
func (s *Service) validate(d *types.PipelineDeclaration) error {
	if !namePattern.MatchString(aws.ToString(d.Name)) {
		return invalid("1 validation error detected: Value '%s' at 'pipeline.name' failed to satisfy constraint: Member must satisfy regular expression pattern: [A-Za-z0-9.@\\-_]+", aws.ToString(d.Name))
	}
	if aws.ToString(d.RoleArn) == "" {
		return invalid("1 validation error detected: Value at 'pipeline.roleArn' failed to satisfy constraint: Member must not be null")
	}
	if s.foreign(d.RoleArn) {
		return invalidStructure("The embedded AWS has the account %s only: the role of pipeline '%s' is %s", s.account.ID, aws.ToString(d.Name), *d.RoleArn)
	}
	if n := len(d.Stages); n < 2 {
		return invalidStructure("Pipeline has only %d stage(s). There should be a minimum of 2 stages in a pipeline", n)
	} else if n > maxStages {
		return invalidStructure("Pipeline has %d stages. There should be a maximum of %d stages in a pipeline", n, maxStages)
	}
	for _, check := range []func(*types.PipelineDeclaration) error{s.checkStore, checkModes, checkVariables, s.checkStages, checkArtifacts, checkReferences} {
		if err := check(d); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) checkStore(d *types.PipelineDeclaration) error {
	if (d.ArtifactStore == nil) == (len(d.ArtifactStores) == 0) {
		return invalidStructure("Pipeline '%s' must have either an artifactStore or artifactStores, not both", aws.ToString(d.Name))
	}
	for region := range d.ArtifactStores {
		if region != s.account.Region {
			return invalidStructure("The embedded AWS serves %s only: artifactStores of pipeline '%s' names %s", s.account.Region, aws.ToString(d.Name), region)
		}
	}
	if store := storeOf(d); store.Type != types.ArtifactStoreTypeS3 || aws.ToString(store.Location) == "" {
		return invalidStructure("The artifact store of pipeline '%s' must be of type S3 and have a location", aws.ToString(d.Name))
	}
	return nil
}

// storeOf returns the artifact store of a valid declaration.
func storeOf(d *types.PipelineDeclaration) types.ArtifactStore {
	if d.ArtifactStore != nil {
		return *d.ArtifactStore
	}
	for _, store := range d.ArtifactStores {
		return store
	}
	return types.ArtifactStore{}
}

func checkModes(d *types.PipelineDeclaration) error {
	if !slices.Contains(d.PipelineType.Values(), d.PipelineType) {
		return invalid("1 validation error detected: Value '%s' at 'pipeline.pipelineType' failed to satisfy constraint: Member must satisfy enum value set: [V1, V2]", d.PipelineType)
	}
	if !slices.Contains(d.ExecutionMode.Values(), d.ExecutionMode) {
		return invalid("1 validation error detected: Value '%s' at 'pipeline.executionMode' failed to satisfy constraint: Member must satisfy enum value set: [QUEUED, SUPERSEDED, PARALLEL]", d.ExecutionMode)
	}
	if d.PipelineType == types.PipelineTypeV2 {
		return nil
	}
	switch {
	case d.ExecutionMode != types.ExecutionModeSuperseded:
		return invalidStructure("Execution mode %s can only be used with V2 pipelines", d.ExecutionMode)
	case len(d.Variables) > 0:
		return invalidStructure("Pipeline variable can only be used with V2 pipelines")
	case len(d.Triggers) > 0:
		return invalidStructure("Triggers can only be used with V2 pipelines")
	}
	for _, stage := range d.Stages {
		for _, a := range stage.Actions {
			if a.ActionTypeId != nil && a.ActionTypeId.Category == types.ActionCategoryCompute {
				return invalidStructure("The compute action '%s' can only be used with V2 pipelines", aws.ToString(a.Name))
			}
		}
		if stage.OnFailure != nil || stage.OnSuccess != nil || stage.BeforeEntry != nil {
			return invalidStructure("Conditions of stage '%s' can only be used with V2 pipelines", aws.ToString(stage.Name))
		}
	}
	return nil
}

func checkVariables(d *types.PipelineDeclaration) error {
	seen := map[string]bool{}
	for _, v := range d.Variables {
		name := aws.ToString(v.Name)
		if !variablePattern.MatchString(name) {
			return invalidStructure("The variable name '%s' must match [A-Za-z0-9@\\-_]+", name)
		}
		if seen[name] {
			return invalidStructure("Variable names must be unique. The following variable name is already in use: %s", name)
		}
		seen[name] = true
	}
	return nil
}

func (s *Service) checkStages(d *types.PipelineDeclaration) error {
	names := map[string]bool{}
	for i := range d.Stages {
		stage := &d.Stages[i]
		name := aws.ToString(stage.Name)
		switch {
		case !namePattern.MatchString(name):
			return invalidStage("The stage name '%s' must match [A-Za-z0-9.@\\-_]+ and have at most 100 characters", name)
		case names[name]:
			return invalidStructure("Stage names must be unique. The pipeline has more than one stage with name '%s'", name)
		case len(stage.Actions) == 0:
			return invalidStage("Stage '%s' has no actions. A stage must have at least one action", name)
		case len(stage.Actions) > maxActions:
			return invalidStage("Stage '%s' has %d actions. A stage can have up to %d actions", name, len(stage.Actions), maxActions)
		case len(stage.Blockers) > 0:
			return &types.InvalidBlockerDeclarationException{Message: aws.String(fmt.Sprintf("Stage '%s' declares blockers, which are reserved for future use", name))}
		}
		names[name] = true
		if err := s.checkConditions(d, i); err != nil {
			return err
		}
		actions := map[string]bool{}
		for j := range stage.Actions {
			a := &stage.Actions[j]
			if actions[aws.ToString(a.Name)] {
				return invalidStructure("Action names must be unique within a stage. Stage '%s' has more than one action with name '%s'", name, aws.ToString(a.Name))
			}
			actions[aws.ToString(a.Name)] = true
			if err := s.checkAction(i, name, a); err != nil {
				return err
			}
		}
	}
	for _, trigger := range d.Triggers {
		if err := checkTrigger(d, trigger); err != nil {
			return err
		}
	}
	return nil
}

// conditionKinds has the name of each kind of condition in a declaration, and the results
// that it can have.
var conditionKinds = []struct {
	kind    types.ConditionType
	name    string
	results []types.Result
}{
	{beforeEntry, "beforeEntry", []types.Result{types.ResultFail, types.ResultSkip}},
	{onSuccess, "onSuccess", []types.Result{types.ResultFail, types.ResultRollback}},
	{onFailure, "onFailure", []types.Result{types.ResultFail, types.ResultRollback}},
}

// maxRules is how many rules a condition can have.
const maxRules = 5

// checkConditions refuses conditions that AWS would refuse, or that can't be evaluated here.
// See https://docs.aws.amazon.com/codepipeline/latest/userguide/stage-conditions.html.
func (s *Service) checkConditions(d *types.PipelineDeclaration, index int) error {
	stage := &d.Stages[index]
	name := aws.ToString(stage.Name)
	for _, k := range conditionKinds {
		list, ok := conditionsOf(stage, k.kind)
		if !ok {
			continue
		}
		if len(list) > 1 || len(list) == 0 && k.kind != onFailure {
			return invalidStage("Stage '%s' has %d conditions in %s. It can have one", name, len(list), k.name)
		}
		for _, condition := range list {
			result := condition.Result
			if result != "" && !slices.Contains(k.results, result) {
				return invalidStage("The result '%s' in %s of stage '%s' must be %s or %s", result, k.name, name, k.results[0], k.results[1])
			}
			if err := checkRollback(d, index, result); err != nil {
				return err
			}
			if n := len(condition.Rules); n == 0 || n > maxRules {
				return invalidStage("A condition of %s of stage '%s' has %d rules. It must have 1 to %d", k.name, name, n, maxRules)
			}
			seen := map[string]bool{}
			for i := range condition.Rules {
				rule := &condition.Rules[i]
				if seen[aws.ToString(rule.Name)] {
					return invalidStage("Rule names must be unique within a condition. %s of stage '%s' has more than one rule with name '%s'", k.name, name, aws.ToString(rule.Name))
				}
				seen[aws.ToString(rule.Name)] = true
				if err := s.checkRule(rule, k.name, name, result); err != nil {
					return err
				}
			}
		}
	}
	on := stage.OnFailure
	if on == nil {
		return nil
	}
	switch on.Result {
	case "", types.ResultFail:
	case types.ResultRetry:
		if len(on.Conditions) > 0 {
			return invalidStage("The result RETRY in onFailure of stage '%s' can't be used with conditions", name)
		}
		if c := on.RetryConfiguration; c != nil && c.RetryMode != "" && !slices.Contains(c.RetryMode.Values(), c.RetryMode) {
			return invalidStage("The retry mode '%s' in onFailure of stage '%s' must be FAILED_ACTIONS or ALL_ACTIONS", c.RetryMode, name)
		}
	case types.ResultRollback:
		if err := checkRollback(d, index, on.Result); err != nil {
			return err
		}
	default:
		return invalidStage("The embedded AWS does not support the result '%s' in onFailure of stage '%s'", on.Result, name)
	}
	if on.RetryConfiguration != nil && on.Result != types.ResultRetry {
		return invalidStage("The retryConfiguration in onFailure of stage '%s' requires the result RETRY", name)
	}
	return nil
}

// checkRollback refuses the result ROLLBACK of a stage that can't be rolled back.
func checkRollback(d *types.PipelineDeclaration, index int, result types.Result) error {
	name := aws.ToString(d.Stages[index].Name)
	switch {
	case result != types.ResultRollback:
		return nil
	case index == 0:
		return invalidStage("The stage '%s' cannot be rolled back: it is the source stage", name)
	case d.ExecutionMode == types.ExecutionModeParallel:
		return invalidStage("The stage '%s' cannot be rolled back: the execution mode of the pipeline is PARALLEL", name)
	}
	return nil
}

// foreign reports whether a role belongs to another account, of which there is none.
func (s *Service) foreign(role *string) bool {
	m := rolePattern.FindStringSubmatch(aws.ToString(role))
	return m != nil && m[1] != s.account.ID
}

func (s *Service) checkAction(index int, stage string, a *types.ActionDeclaration) error {
	name := aws.ToString(a.Name)
	if !namePattern.MatchString(name) {
		return invalidAction("The action name '%s' in stage '%s' must match [A-Za-z0-9.@\\-_]+ and have at most 100 characters", name, stage)
	}
	if a.ActionTypeId == nil {
		return invalidAction("Action '%s' in stage '%s' has no actionTypeId", name, stage)
	}
	source := a.ActionTypeId.Category == types.ActionCategorySource
	switch {
	case index == 0 && !source:
		return invalidStructure("Pipeline should start with a stage that only contains source actions")
	case index > 0 && source:
		return invalidStructure("Source actions can only be in the first stage. Action '%s' in stage '%s' is a source action", name, stage)
	}
	t := typeOf(a)
	if t == nil {
		return invalidAction("ActionType %s in action '%s' of stage '%s' is not available in region %s of the embedded AWS", title(a.ActionTypeId), name, stage, s.account.Region)
	}
	switch {
	case *a.RunOrder < 1 || *a.RunOrder > maxRunOrder:
		return invalidAction("The runOrder of action '%s' in stage '%s' is %d. It must be between 1 and %d", name, stage, *a.RunOrder, maxRunOrder)
	case a.Region != nil && *a.Region != s.account.Region:
		return invalidAction("The embedded AWS serves %s only: action '%s' in stage '%s' is in %s", s.account.Region, name, stage, *a.Region)
	case s.foreign(a.RoleArn):
		return invalidAction("The embedded AWS has the account %s only: the role of action '%s' in stage '%s' is %s", s.account.ID, name, stage, *a.RoleArn)
	case t.category != types.ActionCategoryCompute && (len(a.Commands) > 0 || len(a.OutputVariables) > 0 || len(a.EnvironmentVariables) > 0):
		return invalidAction("commands, outputVariables and environmentVariables are available to the compute action only, not to action '%s' in stage '%s'", name, stage)
	case a.TimeoutInMinutes != nil && t.category != types.ActionCategoryApproval:
		return invalidAction("timeoutInMinutes of action '%s' in stage '%s' is available to the manual approval action only", name, stage)
	case a.TimeoutInMinutes != nil && (*a.TimeoutInMinutes < minTimeout || *a.TimeoutInMinutes > maxTimeout):
		return invalidAction("timeoutInMinutes of action '%s' in stage '%s' must be between %d and %d", name, stage, minTimeout, maxTimeout)
	}
	if err := t.inputs.check(a, len(a.InputArtifacts), "input"); err != nil {
		return err
	}
	if err := t.outputs.check(a, len(a.OutputArtifacts), "output"); err != nil {
		return err
	}
	if err := checkConfiguration(t, a); err != nil {
		return err
	}
	if t.check != nil {
		return t.check(a)
	}
	return nil
}

func checkConfiguration(t *actionType, a *types.ActionDeclaration) error {
	name := aws.ToString(a.Name)
	for _, key := range t.required {
		if a.Configuration[key] == "" {
			return invalidAction("Action configuration for action '%s' is missing required configuration '%s'", name, key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(a.Configuration)) {
		if !slices.Contains(t.required, key) && !slices.Contains(t.optional, key) {
			return invalidAction("Action configuration for action '%s' contains unknown configuration '%s'", name, key)
		}
		if n := len([]rune(a.Configuration[key])); n > maxConfiguration {
			return invalidAction("Configuration '%s' of action '%s' has %d characters. It can have up to %d", key, name, n, maxConfiguration)
		}
	}
	return nil
}

// checkArtifacts checks that each artifact is made exactly once, before it is used.
func checkArtifacts(d *types.PipelineDeclaration) error {
	made := map[string]position{}
	for i, stage := range d.Stages {
		for _, a := range stage.Actions {
			for _, output := range a.OutputArtifacts {
				name := aws.ToString(output.Name)
				if !artifactPattern.MatchString(name) {
					return invalidAction("The output artifact name '%s' of action '%s' must match [a-zA-Z0-9_\\-]+", name, aws.ToString(a.Name))
				}
				if len(output.Files) > 0 && a.ActionTypeId.Category != types.ActionCategoryCompute {
					return invalidAction("Files of an output artifact are available to the compute action only, not to output artifact '%s' of action '%s'", name, aws.ToString(a.Name))
				}
				if _, twice := made[name]; twice {
					return invalidAction("Output Artifact Bundle %s in action %s is already declared as Output Artifact Bundle in another action", name, aws.ToString(a.Name))
				}
				made[name] = position{i, int(*a.RunOrder)}
			}
		}
	}
	for i, stage := range d.Stages {
		for _, a := range stage.Actions {
			seen := map[string]bool{}
			for _, input := range a.InputArtifacts {
				name := aws.ToString(input.Name)
				if at, ok := made[name]; !ok || !at.before(position{i, int(*a.RunOrder)}) {
					return invalidAction("Input Artifact Bundle %s in action %s is not declared as Output Artifact Bundle in any of the preceding actions", name, aws.ToString(a.Name))
				}
				if seen[name] {
					return invalidAction("Input Artifact Bundle %s in action %s is declared more than once", name, aws.ToString(a.Name))
				}
				seen[name] = true
			}
		}
		for use := range rulesOf(&stage, i) {
			for _, input := range use.rule.InputArtifacts {
				name := aws.ToString(input.Name)
				if at, ok := made[name]; !ok || !at.before(use.at) {
					return invalidStage("Input Artifact Bundle %s in rule %s is not declared as Output Artifact Bundle in any of the preceding actions", name, aws.ToString(use.rule.Name))
				}
			}
		}
	}
	return nil
}

// checkReferences checks that the namespaces in references exist, and that they
// belong to earlier actions.
// See https://docs.aws.amazon.com/codepipeline/latest/userguide/reference-variables.html.
func checkReferences(d *types.PipelineDeclaration) error {
	namespaces := map[string]position{}
	artifacts := map[string]bool{}
	for _, stage := range d.Stages {
		for _, a := range stage.Actions {
			for _, output := range a.OutputArtifacts {
				artifacts[aws.ToString(output.Name)] = true
			}
		}
	}
	for i, stage := range d.Stages {
		for _, a := range stage.Actions {
			if a.Namespace == nil {
				continue
			}
			ns := *a.Namespace
			_, twice := namespaces[ns]
			switch {
			case !namespacePattern.MatchString(ns):
				return invalidAction("The namespace '%s' of action '%s' must match [A-Za-z0-9@\\-_]+", ns, aws.ToString(a.Name))
			case ns == reservedNamespace || ns == variablesNamespace:
				return invalidAction("The namespace '%s' of action '%s' is reserved", ns, aws.ToString(a.Name))
			case twice:
				return invalidStructure("Namespaces must be unique. The namespace '%s' of action '%s' is already in use", ns, aws.ToString(a.Name))
			case artifacts[ns]:
				return invalidStructure("The namespace '%s' of action '%s' is also the name of an artifact. A namespace cannot conflict with artifact names", ns, aws.ToString(a.Name))
			}
			namespaces[ns] = position{i, int(*a.RunOrder)}
		}
	}
	for i, stage := range d.Stages {
		for _, a := range stage.Actions {
			complaint := checkConfigured(d, namespaces, position{i, int(*a.RunOrder)}, a.Configuration, "ActionName=["+aws.ToString(a.Name)+"], ActionConfigurationKey", aws.ToString(stage.Name))
			if complaint != "" {
				return invalidAction("%s", complaint)
			}
		}
		for use := range rulesOf(&stage, i) {
			complaint := checkConfigured(d, namespaces, use.at, use.rule.Configuration, "RuleName=["+aws.ToString(use.rule.Name)+"], RuleConfigurationKey", aws.ToString(stage.Name))
			if complaint != "" {
				return invalidStage("%s", complaint)
			}
		}
	}
	return nil
}

// checkConfigured returns what is wrong with the references in a configuration, or "".
func checkConfigured(d *types.PipelineDeclaration, namespaces map[string]position, at position, configuration map[string]string, what, stage string) string {
	for _, key := range slices.Sorted(maps.Keys(configuration)) {
		for _, ref := range references(configuration[key]) {
			if complaint := checkReference(d, namespaces, at, ref); complaint != "" {
				return fmt.Sprintf("%s\nStageName=[%s], %s=[%s], VariableReferenceText=[%s]", complaint, stage, what, key, ref)
			}
		}
	}
	return ""
}

// A ruleUse is a rule, and when it runs.
type ruleUse struct {
	rule *types.RuleDeclaration
	at   position
}

// rulesOf returns the rules of a stage. Those of entry conditions run before its actions,
// and the others behind them.
func rulesOf(stage *types.StageDeclaration, index int) func(func(ruleUse) bool) {
	return func(yield func(ruleUse) bool) {
		for _, k := range conditionKinds {
			condition := conditionOf(stage, k.kind)
			if condition == nil {
				continue
			}
			at := position{index, maxRunOrder + 1}
			if k.kind == beforeEntry {
				at.runOrder = 0
			}
			for i := range condition.Rules {
				if !yield(ruleUse{&condition.Rules[i], at}) {
					return
				}
			}
		}
	}
}

// checkReference returns what is wrong with a reference, or "".
func checkReference(d *types.PipelineDeclaration, namespaces map[string]position, use position, ref reference) string {
	if ref.namespace == reservedNamespace {
		if ref.key != executionIDVariable {
			return fmt.Sprintf("The namespace %s has no variable %s.", ref.namespace, ref.key)
		}
		return ""
	}
	if ref.namespace == variablesNamespace && len(d.Variables) > 0 {
		if use.stage == 0 {
			return "Variables at the pipeline level cannot be used in source actions."
		}
		if !slices.ContainsFunc(d.Variables, func(v types.PipelineVariableDeclaration) bool { return aws.ToString(v.Name) == ref.key }) {
			return "The referenced variables haven't been declared."
		}
		return ""
	}
	at, ok := namespaces[ref.namespace]
	if !ok {
		return "Valid format for a pipeline execution variable reference is a namespace and a key separated by a period (.). " +
			"The following pipeline execution variables are referencing a namespace that does not exist."
	}
	if !at.before(use) {
		return fmt.Sprintf("The namespace %s belongs to an action that does not precede this one.", ref.namespace)
	}
	return ""
}
