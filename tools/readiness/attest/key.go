package attest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/internal/gitcmd"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/readiness"
)

// keyFile returns the path of the private key. It comes from -key, from
// MAGEWRIGHT_KEY, or is the default in the home directory.
func keyFile(flag string) (string, error) {
	for _, file := range []string{flag, os.Getenv("MAGEWRIGHT_KEY")} {
		if file != "" {
			return file, nil
		}
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", exit.Missing("go tool mage attest -key=FILE ...", "finding your private key: %w", err)
	}
	return filepath.Join(home, ".config", "magewright", "key.pem"), nil
}

func readKey(flag string) (evidence.PrivateKey, string, error) {
	file, err := keyFile(flag)
	if err != nil {
		return evidence.PrivateKey{}, "", err
	}
	key, err := evidence.ReadPrivateKey(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return key, file, exit.Missing("go tool mage attest -newKey", "you have no private key in %s", file)
	case errors.Is(err, evidence.ErrExposed):
		return key, file, exit.Missing("chmod 600 "+file, "%w", err)
	case err != nil:
		return key, file, exit.Missing("go tool mage attest -key=FILE ...", "%w", err)
	}
	return key, file, nil
}

// newKey makes a private key and prints its line for the policy.
func newKey(ctx context.Context, cfg project.Config, flag string) error {
	file, err := keyFile(flag)
	if err != nil {
		return err
	}
	key, err := evidence.NewPrivateKey()
	if err != nil {
		return err
	}
	if err := key.Write(file); errors.Is(err, fs.ErrExist) {
		return exit.Missing("go tool mage attest -newKey -key=ANOTHER", "there is already a key in %s, which is not overwritten: its signatures would not count any more once the policy drops it", file)
	} else if err != nil {
		return exit.Missing("go tool mage attest -newKey -key=FILE", "%w", err)
	}
	fmt.Fprintf(cfg.Stderr, "made %s; keep it secret. Add this line below people: in %s:\n", file, path.Join(cfg.Settings(), readiness.PolicyFile))
	fmt.Fprintln(cfg.Stdout, policyLine(ctx, cfg, key.Key))
	return nil
}

// policyLine returns the line in the policy that names a person, with the name
// and address in git's configuration.
func policyLine(ctx context.Context, cfg project.Config, key evidence.Key) string {
	known := func(setting, otherwise string) string {
		value, err := gitcmd.AsUser(cfg.Dir).Output(ctx, "config", setting)
		if err != nil || value == "" {
			value = otherwise
		}
		// YAML's double-quoted strings include JSON's.
		quoted, err := json.Marshal(value)
		if err != nil {
			return otherwise
		}
		return string(quoted)
	}
	return fmt.Sprintf("  - {name: %s, emails: [%s], key: %s}", known("user.name", "NAME"), known("user.email", "ADDRESS"), key)
}
