// Package buildspec reads CodeBuild's buildspec files, version 0.1 and 0.2, and
// runs them on this host as CodeBuild runs them in its containers.
//
// A host can't honour everything: for example another user, a container's
// runtimes, a proxy or a batch. For each such setting there is a [Warning] that
// names it and its line; nothing is dropped silently. There is also one for each
// key that CodeBuild ignores. Values of the wrong kind are errors.
//
// The semantics are those of
// https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html and
// https://docs.aws.amazon.com/codebuild/latest/userguide/view-build-details-phases.html.
package buildspec
