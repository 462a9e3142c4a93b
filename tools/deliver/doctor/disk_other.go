//go:build !linux && !darwin

package doctor

import "errors"

func free(string) (uint64, error) {
	return 0, errors.New("how much is free is not asked on this system")
}
