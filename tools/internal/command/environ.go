package command

import (
	"slices"
	"strings"
)

// needed are the variables that tell programs where other programs, libraries, caches and
// packages are, and how to reach them.
var needed = []string{
	"PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "TMP", "TEMP", "TERM", "NO_COLOR", "TZ", "LANG",
	"SYSTEMROOT", "LOCALAPPDATA", "APPDATA", "USERPROFILE", "PATHEXT", "COMSPEC",
	"XDG_CACHE_HOME", "XDG_CONFIG_HOME", "SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT",
	"JAVA_HOME", "VIRTUAL_ENV", "PYENV_ROOT", "NVM_DIR", "VOLTA_HOME", "ASDF_DIR", "ASDF_DATA_DIR", "DOCKER_HOST", "DOCKER_CONTEXT",
	"GOPATH", "GOBIN", "GOCACHE", "GOMODCACHE", "GOTMPDIR", "GOROOT", "GOENV", "GOFLAGS", "GOTOOLCHAIN", "GOWORK", "GOPROXY", "GONOPROXY", "GOPRIVATE",
	"GOSUMDB", "GONOSUMDB", "GONOSUMCHECK", "GOINSECURE", "GOVCS", "GOVULNDB", "GOMAXPROCS", "GOGC", "GOMEMLIMIT",
	"CGO_ENABLED", "CC", "CXX", "PKG_CONFIG", "PKG_CONFIG_PATH", "CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "LIBRARY_PATH",
	"LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SDKROOT", "DEVELOPER_DIR",
}

// secrets are parts of the names of npm's settings that it does not need to find packages.
var secrets = []string{"auth", "token", "passw", "secret", "_key", "cert"}

// Needs reports whether programs need a variable of this host to run. The others are the
// user's own, such as tokens, agents and accounts. npm's settings are variables too, and
// say where packages are.
func Needs(name string) bool {
	lower := strings.ToLower(name)
	return slices.Contains(needed, name) || strings.HasPrefix(name, "LC_") || strings.HasSuffix(lower, "_proxy") ||
		strings.HasPrefix(lower, "npm_config_") && !slices.ContainsFunc(secrets, func(part string) bool { return strings.Contains(lower, part) })
}
