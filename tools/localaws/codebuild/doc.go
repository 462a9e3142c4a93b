// Package codebuild is the embedded AWS's CodeBuild. It runs the buildspec of
// each build on this host, in a clean source directory.
//
// A build has this host's environment, except for what belongs to the user's
// AWS account, git or pipeline. It keeps HOME and PATH, and therefore the
// host's tools and their caches, such as Go's and npm's. What CodeBuild's cache
// would restore is thus already there. The image and the compute type are
// reported, but not used; the log of each build says so.
package codebuild
