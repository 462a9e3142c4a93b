// Package codebuild is the embedded AWS's CodeBuild: it runs the buildspec of
// each build on this host, in a clean source directory.
//
// A build has this host's environment without what belongs to its user's AWS
// account, git or pipeline; HOME and PATH stay, and with them the host's tools
// and their caches (Go's, npm's): what CodeBuild's cache would restore is there
// already. The image and the compute type are reported and not used; the log of
// each build says so.
package codebuild
