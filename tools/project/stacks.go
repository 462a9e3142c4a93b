package project

// StackPrefix is what the names of all stacks begin with: the name in infra/settings,
// and a hyphen.
const StackPrefix = "magewright-"

// The names of the stacks.
const (
	StagingStack    = StackPrefix + "staging"
	ProductionStack = StackPrefix + "production"
	PipelineStack   = StackPrefix + "pipeline"
)

// Stacks returns the names of all stacks, in the order in which a release reaches
// them.
func Stacks() []string { return []string{StagingStack, ProductionStack, PipelineStack} }
