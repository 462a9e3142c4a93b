package main

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"testing"
)

// TestShrink holds that frequent colours stay what they are, and that others are near.
func TestShrink(t *testing.T) {
	t.Parallel()
	picture := image.NewRGBA(image.Rect(0, 0, 400, 40))
	for x := range 400 {
		for y := range 40 {
			c := color.RGBA{255, 255, 255, 255}
			if y == 0 { // 400 colours
				c = color.RGBA{uint8(x / 2), uint8(x % 2), 7, 255} // #nosec G115 -- at most 199
			}
			picture.Set(x, y, c)
		}
	}
	var whole bytes.Buffer
	if err := png.Encode(&whole, picture); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "picture.png")
	if err := os.WriteFile(file, whole.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := shrink(file); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file) // #nosec G304 -- of the test
	if err != nil {
		t.Fatal(err)
	}
	got, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := got.(*image.Paletted); !ok || got.Bounds() != picture.Bounds() {
		t.Errorf("it is a %T of %v", got, got.Bounds())
	}
	if c := color.RGBAModel.Convert(got.At(9, 9)); c != (color.RGBA{255, 255, 255, 255}) {
		t.Errorf("the ground is %v", c)
	}
	for x := range 400 {
		is, was := color.RGBAModel.Convert(got.At(x, 0)).(color.RGBA), picture.RGBAAt(x, 0)
		if d := int(is.R) - int(was.R); d < -80 || d > 80 {
			t.Errorf("at %d it is %v, and was %v", x, is, was)
		}
	}
	if err := os.WriteFile(file, []byte("no picture"), 0o600); err != nil {
		t.Fatal(err)
	}
	if shrink(file) == nil {
		t.Error("what is no picture was shrunk")
	}
}
