package printable

import "testing"

func TestLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                            "",
		"Zahl «ü» 12 €":               "Zahl «ü» 12 €",
		"one\r\ntwo\tthree\u2028four": "one  two three four",
		"\x1b]52;c;ZXZpbA==\a\u202ex\x9b2K\u009b": "]52;c;ZXZpbA==x\ufffd2K",
	} {
		if got := Line(text); got != want {
			t.Errorf("%q is printed as %q, want %q", text, got, want)
		}
	}
}
