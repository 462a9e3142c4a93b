package annotate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
)

// Draft prints a draft of the file from what is found in the assembly, for somebody to
// correct. It has a stage for each stack with functions, in the order that the names suggest.
func Draft(cfg project.Config) error {
	assembly, err := readCloud(cfg.Assembly)
	if err != nil {
		return err
	}
	stages, unclear := assembly.stages()
	if len(stages) == 0 {
		// A person knows which of them it is.
		for _, s := range assembly.stacks {
			if len(s.ofType(functionType)) > 0 {
				stages = append(stages, nameOf(s))
			}
		}
	}
	if len(stages) == 0 {
		return exit.Failed("add a function to the CDK app, then cdk synth", "none of the %d stacks of the assembly has a function", len(assembly.stacks))
	}
	var text strings.Builder
	add := func(format string, args ...any) { _, _ = fmt.Fprintf(&text, format, args...) } // never fails
	add("# What magewright delivers. The templates say the rest: leave out what needs no correction.\n")
	if unclear != nil {
		add("# To decide: %v.\n", unclear)
	}
	add("# repository: OWNER/NAME\n")
	add("stages: # in the order in which a release reaches them; the last is what users have\n")
	for i, s := range stages {
		add("  - name: %s\n    stack: %s\n", cmp.Or(s.word, fmt.Sprintf("stage%d", i+1)), s.Stack)
		functions := s.delivered()
		if len(functions) == 0 {
			functions = s.ofType(functionType)
		}
		add("    functions: # construct paths or logical ids\n")
		for _, id := range functions {
			add("      - %s\n", s.path(id))
		}
	}
	if i := slices.IndexFunc(assembly.stacks, func(s *stack) bool { return len(s.ofType(pipelineType)) > 0 }); i >= 0 {
		add("pipeline: %s\n", assembly.stacks[i].Stack)
	}
	fmt.Fprint(cfg.Stdout, text.String())
	return nil
}
