package magewright.rules.modules_forbidden_test

import data.magewright.rules.modules_forbidden

sbom(name) := {"sbom": {"components": [{"name": name}]}}

test_keeps if {
	every name in ["github.com/aws/aws-sdk-go-v2", "github.com/golang-jwt/jwt/v5"] {
		modules_forbidden.subjects == {name} with input as sbom(name)
		count(modules_forbidden.violations) == 0 with input as sbom(name)
	}
}

test_breaks if {
	every name in ["github.com/aws/aws-sdk-go", "github.com/dgrijalva/jwt-go", "github.com/dgrijalva/jwt-go/v4"] {
		count(modules_forbidden.violations) == 1 with input as sbom(name)
	}
}
