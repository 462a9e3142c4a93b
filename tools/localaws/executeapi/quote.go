package executeapi

import "encoding/json"

// Quote returns text as a JSON string.
func Quote(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		// A string can always be encoded.
		panic(err)
	}
	return string(b)
}
