//go:build load

package lambda_test

import "testing"

// TestLoadKills is TestKilledProcessLosesOnlyItsOwnInvocation with more kills.
func TestLoadKills(t *testing.T) { killAtRandom(t, 500) }
