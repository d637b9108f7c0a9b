// Command gen writes the digit pictures of testdata: gen DIR.
package main

import (
	"image/png"
	"log"
	"os"
	"path/filepath"

	"github.com/onnxrun/onnxrun/vision/internal/draw"
)

func main() {
	names := []string{"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"}
	for digit, name := range names {
		f, err := os.Create(filepath.Join(os.Args[1], name+".png"))
		if err != nil {
			log.Fatal(err)
		}
		enc := png.Encoder{CompressionLevel: png.BestCompression}
		if err := enc.Encode(f, draw.Digit(digit, 280, 0.08)); err != nil {
			log.Fatal(err)
		}
		if err := f.Close(); err != nil {
			log.Fatal(err)
		}
	}
}
