package vision

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"

	"github.com/onnxrun/onnxrun/internal/hostfile"
	"github.com/onnxrun/onnxrun/internal/plain"
)

// MaxPixels bounds the images that are decoded: 100 megapixels. Larger ones are refused before memory is taken.
const MaxPixels = 100_000_000

// maxFile bounds the bytes of an image file.
const maxFile = 1 << 30

// DecodeError is an image that cannot be read.
type DecodeError struct {
	Name string // of the file, empty where there is none
	Err  error
}

func (e *DecodeError) Error() string {
	if e.Name == "" {
		return "vision: " + plain.Message(e.Err)
	}
	return "vision: " + plain.Quote(e.Name, plain.Name) + ": " + plain.Message(e.Err)
}

func (e *DecodeError) Unwrap() error { return e.Err }

// format is a kind of image file, known by how it begins.
type format struct {
	name   string
	magic  []string // '?' stands for any byte
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
}

func formats() []format {
	return []format{
		{"PNG", []string{"\x89PNG\r\n\x1a\n"}, png.DecodeConfig, png.Decode},
		{"JPEG", []string{"\xff\xd8\xff"}, jpeg.DecodeConfig, jpeg.Decode},
		{"GIF", []string{"GIF87a", "GIF89a"}, gif.DecodeConfig, decodeGIF},
		{"WebP", []string{"RIFF????WEBPVP8"}, webp.DecodeConfig, webp.Decode},
		{"BMP", []string{"BM????\x00\x00\x00\x00"}, bmp.DecodeConfig, bmp.Decode},
		{"TIFF", []string{"II*\x00", "MM\x00*"}, tiff.DecodeConfig, tiff.Decode},
	}
}

// Decode reads a PNG, JPEG, GIF (its first frame), WebP, BMP or TIFF image and turns it upright as its EXIF orientation
// says. Errors are *DecodeError.
func Decode(r io.Reader) (*Image, error) {
	data, err := hostfile.ReadAll(r, maxFile)
	return decodeNamed("", data, err)
}

// DecodeFile is Decode for a file.
func DecodeFile(path string) (*Image, error) {
	data, err := hostfile.Read(path, maxFile)
	var at *hostfile.Error
	if errors.As(err, &at) {
		err = at.Err
	}
	return decodeNamed(path, data, err)
}

// decodeNamed is the image of a file's bytes, unless reading them failed.
func decodeNamed(name string, data []byte, err error) (m *Image, _ error) {
	if err == nil {
		m, err = decode(data)
	}
	if err != nil {
		return nil, &DecodeError{name, err}
	}
	return m, nil
}

func decode(data []byte) (m *Image, err error) {
	defer func() { // the decoders are other people's and meet hostile files
		if v := recover(); v != nil {
			m, err = nil, fmt.Errorf("the file is damaged: %v", v)
		}
	}()
	if len(data) == 0 {
		return nil, errors.New("the file is empty")
	}
	for _, f := range formats() {
		if !f.matches(data) {
			continue
		}
		c, err := f.config(bytes.NewReader(data))
		if err != nil {
			return nil, fmt.Errorf("a damaged %s image: %w", f.name, err)
		}
		if c.Width <= 0 || c.Height <= 0 || c.Width > MaxPixels/c.Height {
			return nil, fmt.Errorf("an image of %d×%d pixels is beyond the limit of %d", c.Width, c.Height, MaxPixels)
		}
		img, err := f.decode(bytes.NewReader(data))
		if err != nil {
			return nil, fmt.Errorf("a damaged %s image: %w", f.name, err)
		}
		return FromImage(img).upright(orientation(data)), nil
	}
	return nil, errors.New("not an image of a kind that is known (PNG, JPEG, GIF, WebP, BMP, TIFF)")
}

func (f format) matches(data []byte) bool {
	for _, m := range f.magic {
		ok := len(data) >= len(m)
		for i := 0; ok && i < len(m); i++ {
			ok = m[i] == '?' || m[i] == data[i]
		}
		if ok {
			return true
		}
	}
	return false
}

// decodeGIF is the first frame, in its place on the canvas.
func decodeGIF(r io.Reader) (image.Image, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	c, err := gif.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	frame, err := gif.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	if frame.Bounds() == image.Rect(0, 0, c.Width, c.Height) {
		return frame, nil
	}
	canvas := image.NewNRGBA(image.Rect(0, 0, c.Width, c.Height))
	draw.Draw(canvas, frame.Bounds(), frame, frame.Bounds().Min, draw.Src)
	return canvas, nil
}
