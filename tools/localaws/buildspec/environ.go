package buildspec

import (
	"context"
	"fmt"
	"maps"
	"slices"
)

// A Lookup reads the values that variables refer to.
type Lookup interface {
	// Parameter returns the decrypted value of a parameter in Parameter Store.
	Parameter(ctx context.Context, name string) (string, error)
	// Secret returns a value from Secrets Manager.
	Secret(ctx context.Context, ref SecretRef) (string, error)
}

// An Environment holds the variables of a build and their values.
type Environment struct {
	Values map[string]string
	Secret map[string]bool // names whose values came from a parameter or a secret
}

// Resolve returns the values of the buildspec's variables and of overrides.
// Overrides take precedence over the buildspec, and later overrides over
// earlier ones: first those of a project, then those of a build. Values are
// literal; nothing in them is expanded.
func (s *Spec) Resolve(ctx context.Context, from Lookup, overrides ...Variable) (Environment, error) {
	winners := map[string]Variable{}
	for _, v := range slices.Concat(s.Env.Variables, overrides) {
		winners[v.Name] = v
	}
	env := Environment{Values: map[string]string{}, Secret: map[string]bool{}}
	for _, name := range slices.Sorted(maps.Keys(winners)) {
		v := winners[name]
		value, err := resolve(ctx, from, v)
		if err != nil {
			return Environment{}, fmt.Errorf("reading the value of %s: %w", name, err)
		}
		env.Values[name] = value
		env.Secret[name] = v.From == ParameterStore || v.From == SecretsManager
	}
	return env, nil
}

func resolve(ctx context.Context, from Lookup, v Variable) (string, error) {
	if v.From != ParameterStore && v.From != SecretsManager {
		return v.Value, nil
	}
	if from == nil {
		return "", fmt.Errorf("%s %s: no service is available to look it up in", v.From, v.Value)
	}
	if v.From == ParameterStore {
		return from.Parameter(ctx, v.Value)
	}
	ref, err := ParseSecretRef(v.Value)
	if err != nil {
		return "", err
	}
	return from.Secret(ctx, ref)
}
