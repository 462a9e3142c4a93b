package delivery

import "fmt"

// mostBeside is the maximum number of stages in a wave. The actions after a wave get what
// each of its stages leaves, as well as the source and the assembly, and a build can have
// five input artifacts. See
// https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-CodeBuild.html.
const mostBeside = 3

// waves returns the stages in the order in which a release reaches them. Those that it
// reaches side by side are together.
func waves(stages []Stage) [][]Stage {
	var all [][]Stage
	for i, stage := range stages {
		if i > 0 && stage.Wave != "" && stage.Wave == stages[i-1].Wave {
			all[len(all)-1] = append(all[len(all)-1], stage)
			continue
		}
		all = append(all, []Stage{stage})
	}
	return all
}

// checkWaves refuses waves that a pipeline can't have, or with which it would be unclear what
// decided about a release.
func checkWaves(stages []Stage) error {
	taken := map[string]bool{}
	for _, stage := range stages {
		taken[stage.Name] = true
	}
	for i, wave := range waves(stages) {
		name := wave[0].Wave
		switch {
		case name == "":
			continue
		case !stageName.MatchString(name):
			return fmt.Errorf("a wave is called %q: its name must be of lower-case letters and digits, 20 at most", name)
		case taken[name]:
			return fmt.Errorf("wave %s has the name of a stage, or of a wave that has ended before: stages of one wave must follow each other", name)
		case i == 0:
			return fmt.Errorf("stage %s can't be part of wave %s: it is the first, in which releases are tried alone", wave[0].Name, name)
		case wave[len(wave)-1].Name == stages[len(stages)-1].Name:
			return fmt.Errorf("stage %s can't be part of wave %s: it is the last, which users have, and promote takes a release there alone", stages[len(stages)-1].Name, name)
		case len(wave) > mostBeside:
			return fmt.Errorf("wave %s has %d stages: %d at most can be side by side, because a build of CodePipeline takes five artifacts", name, len(wave), mostBeside)
		}
		taken[name] = true
		for _, stage := range wave[1:] {
			if stage.Approval != nil {
				return fmt.Errorf("stage %s has an approval and is not the first of wave %s: give the approval to %s, it is for the whole wave", stage.Name, name, wave[0].Name)
			}
		}
	}
	return nil
}
