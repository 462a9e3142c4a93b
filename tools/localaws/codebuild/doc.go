// Package codebuild is the embedded AWS's CodeBuild. It runs the buildspec of
// each build on this host, in a clean source directory.
//
// A build has those of this host's variables that say where programs and
// packages are, and a HOME of its own. That leads to the host's tools and their
// caches, such as Go's and npm's, and to none of the user's secrets. What
// CodeBuild's cache would restore is thus already there. The image and the
// compute type are reported, but not used; the log of each build says so.
package codebuild
