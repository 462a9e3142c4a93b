package main

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestDraw(t *testing.T) {
	t.Parallel()
	got, err := draw(strings.NewReader("$ mage <rehearse>   \n\x1b[32mok\x1b[39m and \x1b[2mwaiting\x1b[0m, \x1b[1;31mbad\x1b[0m\n\n\n"))
	if err != nil {
		t.Fatal(err)
	}
	wellFormed(t, got)
	for _, want := range []string{
		`width="184" height="68"`, // 19 columns and two lines, with margins
		`>$ mage &lt;rehearse&gt;</text>`, `fill="#3fb950">ok</text>`, `opacity="0.6">waiting</text>`, `<text x="144" y="47" textLength="24" fill="#ff7b72" font-weight="bold">bad</text>`,
	} {
		if !strings.Contains(string(got), want) {
			t.Errorf("it lacks %s:\n%s", want, got)
		}
	}
}

func wellFormed(t *testing.T, picture []byte) {
	t.Helper()
	decoder := xml.NewDecoder(strings.NewReader(string(picture)))
	for {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}
