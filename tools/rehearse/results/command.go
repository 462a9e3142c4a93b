package results

import "encoding/json"

// Alone returns the command that does the same as the build of a pipeline's action, according
// to the action's configuration. It returns "" if the build does not run targets.
func Alone(configuration map[string]string) string {
	var variables []struct{ Name, Value string }
	if json.Unmarshal([]byte(configuration["EnvironmentVariables"]), &variables) != nil {
		return ""
	}
	for _, v := range variables {
		if v.Name == "MAGE_TARGETS" {
			return "go tool mage " + v.Value
		}
	}
	return ""
}
