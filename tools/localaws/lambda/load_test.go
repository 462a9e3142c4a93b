//go:build load

package lambda_test

import "testing"

// TestLoadKills is TestKilledProcessLosesOnlyItsOwnInvocation for longer.
func TestLoadKills(t *testing.T) { killAtRandom(t, 500) }
