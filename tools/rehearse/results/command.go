package results

import "encoding/json"

// Alone returns the command that does by itself what the build of a pipeline's action
// does, by the action's configuration, or "" if the build does not run targets.
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
