package vision

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"

	"github.com/onnxrun/onnxrun/tensor"
)

// gradient is a small picture with smooth parts and edges.
func gradient(w, h int) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := color.NRGBA{uint8(x * 255 / max(w-1, 1)), uint8(y * 255 / max(h-1, 1)), uint8((x*7 + y*13) % 256), 255}
			if (x/5+y/3)%4 == 0 {
				c.G = 255 - c.G
			}
			m.SetNRGBA(x, y, c)
		}
	}
	return m
}

// files is one small file of every format.
func files(t testing.TB) map[string][]byte {
	out := map[string][]byte{}
	src := gradient(12, 9)
	var b bytes.Buffer
	add := func(name string, err error) {
		require.NoError(t, err)
		out[name] = bytes.Clone(b.Bytes())
		b.Reset()
	}
	add("png", png.Encode(&b, src))
	add("jpeg", jpeg.Encode(&b, src, &jpeg.Options{Quality: 95}))
	add("gif", gif.Encode(&b, src, nil))
	add("bmp", bmp.Encode(&b, src))
	add("tiff", tiff.Encode(&b, src, nil))
	webp, err := os.ReadFile("testdata/gradient.webp")
	require.NoError(t, err)
	out["webp"] = webp
	return out
}

func TestDecodeEveryFormat(t *testing.T) {
	want := FromImage(gradient(12, 9))
	for name, data := range files(t) {
		m, err := Decode(bytes.NewReader(data))
		require.NoError(t, err, name)
		require.Equal(t, []int{12, 9, 3}, []int{m.Width, m.Height, m.Channels}, name)
		sum := 0.0
		for i := range m.Pix {
			sum += math.Abs(float64(m.Pix[i]) - float64(want.Pix[i]))
		}
		limit := map[string]float64{"jpeg": 25, "gif": 25}[name] // lossy, of a picture full of edges
		require.LessOrEqual(t, sum/float64(len(m.Pix)), limit, name)
	}
}

func TestDecodeRefusesBadFiles(t *testing.T) {
	for name, data := range files(t) {
		for n := range data {
			m, err := Decode(bytes.NewReader(data[:n]))
			if err == nil { // what is missing is not needed
				require.NotNil(t, m)
				continue
			}
			var de *DecodeError
			require.ErrorAs(t, err, &de, name)
		}
	}
	for want, data := range map[string]string{
		"the file is empty": "", "not an image of a kind": "hello, world", "a damaged PNG image": "\x89PNG\r\n\x1a\nxxxx",
	} {
		_, err := Decode(strings.NewReader(data))
		require.ErrorContains(t, err, want)
	}
	_, err := DecodeFile("testdata/missing.png")
	require.EqualError(t, err, `vision: "testdata/missing.png": no such file or directory`)
	require.True(t, errors.Is(err, os.ErrNotExist))
}

// A picture of 30,000×30,000 pixels is refused by its header, which is all there is of it.
func TestDecodeRefusesHugeImages(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, gradient(1, 1)))
	head := bytes.Clone(b.Bytes()[:33])
	binary.BigEndian.PutUint32(head[16:], 30000)
	binary.BigEndian.PutUint32(head[20:], 30000)
	binary.BigEndian.PutUint32(head[29:], crc(head[12:29]))
	_, err := Decode(bytes.NewReader(head))
	require.ErrorContains(t, err, "30000×30000 pixels is beyond the limit")
}

func crc(b []byte) uint32 {
	c := ^uint32(0)
	for _, v := range b {
		c ^= uint32(v)
		for range 8 {
			c = c>>1 ^ 0xedb88320&-(c&1)
		}
	}
	return ^c
}

// Every orientation gives the same upright picture.
func TestOrientation(t *testing.T) {
	want := FromImage(gradient(5, 3))
	inverse := [9]int{0, 1, 2, 3, 4, 5, 8, 7, 6} // turns by 90° undo one another
	for o := 1; o <= 8; o++ {
		turned := want.upright(inverse[o])
		require.Equal(t, want, turned.upright(o), "orientation %d", o)
		for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
			require.Equal(t, o, orientation(jpegWithExif(order, uint16(o))))
		}
	}
	require.Equal(t, 1, orientation(jpegWithExif(binary.LittleEndian, 9)))
	require.Equal(t, 1, orientation([]byte("\xff\xd8\xff\xe1")))
}

func jpegWithExif(order binary.AppendByteOrder, o uint16) []byte {
	tiff := []byte("II*\x00")
	if order == binary.AppendByteOrder(binary.BigEndian) {
		tiff = []byte("MM\x00*")
	}
	tiff = order.AppendUint32(tiff, 8)
	tiff = order.AppendUint16(tiff, 1)
	tiff = order.AppendUint16(tiff, tagOrientation)
	tiff = order.AppendUint16(tiff, 3)
	tiff = order.AppendUint32(tiff, 1)
	tiff = order.AppendUint16(tiff, o)
	tiff = order.AppendUint32(tiff, 0)
	body := append([]byte("Exif\x00\x00"), tiff...)
	file := append([]byte("\xff\xd8\xff\xe1"), binary.BigEndian.AppendUint16(nil, uint16(len(body)+2))...)
	return append(append(file, body...), 0xff, 0xda, 0, 2)
}

func TestKindsOfGoImages(t *testing.T) {
	grey := image.NewGray(image.Rect(0, 0, 2, 1))
	grey.Pix = []byte{7, 9}
	require.Equal(t, &Image{2, 1, 1, []byte{7, 9}}, FromImage(grey))
	half := image.NewNRGBA(image.Rect(0, 0, 1, 1))
	half.SetNRGBA(0, 0, color.NRGBA{10, 20, 30, 0})
	require.Equal(t, []byte{10, 20, 30}, FromImage(half).Pix) // alpha is dropped
	pal := image.NewPaletted(image.Rect(0, 0, 2, 1), color.Palette{color.Black, color.RGBA{1, 2, 3, 255}})
	pal.Pix = []byte{1, 0}
	require.Equal(t, []byte{1, 2, 3, 0, 0, 0}, FromImage(pal).Pix)
	deep := image.NewGray16(image.Rect(0, 0, 1, 1))
	deep.SetGray16(0, 0, color.Gray16{0x1234})
	require.Equal(t, []byte{0x12}, FromImage(deep).Pix)
	cmyk := image.NewCMYK(image.Rect(0, 0, 1, 1))
	cmyk.SetCMYK(0, 0, color.CMYK{0, 255, 255, 0})
	require.Equal(t, []byte{255, 0, 0}, FromImage(cmyk).Pix)
	// Pillow: Image.new("RGB", (1, 1), (10, 200, 30)).convert("L")
	require.Equal(t, []byte{124}, (&Image{1, 1, 3, []byte{10, 200, 30}}).Gray().Pix)
}

func TestCrop(t *testing.T) {
	m := &Image{3, 3, 1, []byte{1, 2, 3, 4, 5, 6, 7, 8, 9}}
	require.Equal(t, []byte{5, 6, 8, 9}, m.Crop(1, 1, 2, 2).Pix)
	require.Equal(t, []byte{0, 0, 0, 1}, m.Crop(-1, -1, 2, 2).Pix)
	require.Equal(t, []byte{9, 0, 0, 0}, m.Crop(2, 2, 2, 2).Pix)
	require.Equal(t, []byte{0, 0}, m.Crop(5, 0, 2, 1).Pix)
	require.Equal(t, []byte{5}, m.CenterCrop(1, 1).Pix)
	// torchvision: int(round((3-2)/2)) = 0, int(round((5-2)/2)) = 2
	require.Equal(t, 0, roundHalfEven(1))
	require.Equal(t, 2, roundHalfEven(3))
	require.Equal(t, 2, roundHalfEven(5))
}

// testdata/resize_*.png are Pillow's results for testdata/gradient.png, written by testdata/resize.py.
func TestResizeAgainstPillow(t *testing.T) {
	src, err := DecodeFile("testdata/gradient.png")
	require.NoError(t, err)
	golden, err := filepath.Glob("testdata/resize_*.png")
	require.NoError(t, err)
	require.NotEmpty(t, golden)
	for _, path := range golden {
		parts := strings.Split(strings.TrimSuffix(filepath.Base(path), ".png"), "_")
		want, err := DecodeFile(path)
		require.NoError(t, err)
		got := src.Resize(want.Width, want.Height, Filter(parts[1]))
		worst := 0
		for i := range got.Pix {
			worst = max(worst, int(got.Pix[i])-int(want.Pix[i]), int(want.Pix[i])-int(got.Pix[i]))
		}
		require.LessOrEqual(t, worst, 1, path)
	}
}

func TestSpecJSON(t *testing.T) {
	for _, name := range PresetNames() {
		s, err := Preset(name)
		require.NoError(t, err)
		again, err := ParseSpec(s.JSON())
		require.NoError(t, err)
		require.Equal(t, s, again)
		require.NotEmpty(t, s.String())
	}
	_, err := Preset("imagnet")
	require.ErrorContains(t, err, "expects one of imagenet, imagenet-caffe, mnist, unit")
	good, _ := Preset("imagenet")
	for want, text := range map[string]string{
		"unknown field":            strings.Replace(good.JSON(), `"resize"`, `"reisze"`, 1),
		"std: unsupported value":   strings.Replace(good.JSON(), "0.229", "0", 1),
		"resize: unsupported":      strings.Replace(good.JSON(), "shorter", "longer", 1),
		"channels: unsupported":    strings.Replace(good.JSON(), `"channels":3`, `"channels":2`, 1),
		"size: unsupported":        strings.Replace(good.JSON(), `"width":224`, `"width":100000000`, 1),
		"mean: 3 numbers for 1":    strings.Replace(good.JSON(), `"channels":3`, `"channels":1`, 1),
		"something stands behind":  good.JSON() + "{}",
		"vision: preprocessing: ":  "hello",
		"scale: unsupported value": strings.Replace(good.JSON(), `"scale":0.00392156862745098`, `"scale":0`, 1),
	} {
		_, err := ParseSpec(text)
		require.ErrorContains(t, err, want)
	}
}

func TestForShapeAndGuess(t *testing.T) {
	imagenet, _ := Preset("imagenet")
	s, err := imagenet.ForShape([]int{-1, 3, 299, 299})
	require.NoError(t, err)
	require.Equal(t, []int{342, 299, 299}, []int{s.ResizeTo, s.Width, s.Height})
	s, err = imagenet.ForShape([]int{1, 227, 227, 3})
	require.NoError(t, err)
	require.Equal(t, "nhwc", s.Layout)
	require.Equal(t, 227, s.Width)
	s, err = imagenet.ForShape([]int{-1, 1, -1, -1})
	require.NoError(t, err)
	require.Equal(t, 1, s.Channels)
	require.Len(t, s.Mean, 1)
	for preset, shape := range map[string][]int{"mnist": {1, 1, 28, 28}, "unit": {1, 3, 32, 32}, "imagenet": {-1, 3, 224, 224}} {
		_, why, err := Guess(shape)
		require.NoError(t, err)
		require.Contains(t, why, "preset "+preset)
	}
	_, _, err = Guess([]int{1, 4, 224, 224})
	require.ErrorContains(t, err, "images of 4 channels")
	_, _, err = Guess([]int{1, 10})
	require.ErrorContains(t, err, "is not a batch of images")
}

func TestApply(t *testing.T) {
	m := &Image{2, 1, 3, []byte{0, 51, 102, 153, 204, 255}}
	s := Spec{Resize: "none", Width: 2, Height: 1, Channels: 3, Order: "bgr", Scale: 1. / 255, Mean: []float64{0.2}, Std: []float64{1, 2, 4}, Layout: "nchw"}
	x, err := s.Apply(m, m)
	require.NoError(t, err)
	require.Equal(t, []int{2, 3, 1, 2}, x.Shape())
	want := []float32{0.2, 0.8, 0, 0.3, -0.05, 0.1}
	require.InDeltaSlice(t, append(want, want...), tensor.Data[float32](x), 1e-6)
	s.Layout = "nhwc"
	x, err = s.Apply(m)
	require.NoError(t, err)
	require.Equal(t, []int{1, 1, 2, 3}, x.Shape())
	require.InDeltaSlice(t, []float32{0.2, 0, -0.05, 0.8, 0.3, 0.1}, tensor.Data[float32](x), 1e-6)
	_, err = s.Apply(&Image{})
	require.ErrorContains(t, err, "image 0 is empty")
}

// Dark ink on paper and light ink on a dark ground give the same input.
func TestInvertAuto(t *testing.T) {
	s, _ := Preset("mnist")
	paper := NewImage(28, 28, 1)
	for i := range paper.Pix {
		paper.Pix[i] = 255
	}
	paper.Pix[14*28+14] = 0
	slate := NewImage(28, 28, 1)
	slate.Pix[14*28+14] = 255
	a, err := s.Apply(paper)
	require.NoError(t, err)
	b, err := s.Apply(slate)
	require.NoError(t, err)
	require.True(t, a.Equal(b))
}

// A long thin image takes no more memory than its part in the middle.
func TestExtremeAspect(t *testing.T) {
	s, _ := Preset("imagenet")
	x, err := s.Apply(NewImage(1, 100000, 3), NewImage(100000, 1, 1))
	require.NoError(t, err)
	require.Equal(t, []int{2, 3, 224, 224}, x.Shape())
}

func TestLabels(t *testing.T) {
	names := ImageNetLabels()
	require.Len(t, names, 1000)
	require.Equal(t, "tench", names[0])
	require.Equal(t, "toilet tissue", names[999])
	require.Len(t, LabelsFor(1001), 1001)
	require.Nil(t, LabelsFor(7))
	for text, want := range map[string][]string{
		`["a","b"]`: {"a", "b"}, "a\nb\n": {"a", "b"}, `{"1":"b","0":"a"}`: {"a", "b"},
		"n01440764 tench, Tinca tinca\nn01443537 goldfish, Carassius": {"tench", "goldfish"},
		`{"0":["n01440764","tench"]}`:                                 {"tench"},
	} {
		got, err := ParseLabels(text)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, bad := range []string{"", `["a"`, `{"0":1}`, `{"7":"a"}`, `{"x":"a"}`} {
		_, err := ParseLabels(bad)
		require.ErrorContains(t, err, "vision: labels: ", bad)
	}
}

func TestTopK(t *testing.T) {
	got := TopK([]float32{0.1, 0.6, 0.1, 0.2}, []string{"a", "b"}, 3)
	require.Equal(t, []Score{{1, "b", 0.6}, {3, "", 0.2}, {0, "a", 0.1}}, got)
	got = TopK([]float32{1000, 0, 1000}, nil, 9)
	require.Equal(t, []Score{{0, "", 0.5}, {2, "", 0.5}, {1, "", 0}}, got)
	got = TopK([]float32{float32(math.Inf(1)), 0}, nil, 1)
	require.Equal(t, []Score{{0, "", 1}}, got)
	require.True(t, math.IsNaN(float64(TopK([]float32{float32(math.NaN()), 0}, nil, 1)[0].Probability)))
	require.Empty(t, TopK(nil, nil, 5))
}

// Photographs of any size and kind decode and fit; the folder is not part of the repository.
func TestPhotographs(t *testing.T) {
	paths, _ := filepath.Glob("../../shared/data/hymenoptera/val/*/*")
	if len(paths) == 0 {
		t.Skip("../shared/data/hymenoptera is not there")
	}
	s, _ := Preset("imagenet")
	for _, path := range paths[:min(len(paths), 20)] {
		m, err := DecodeFile(path)
		require.NoError(t, err)
		_, err = s.Apply(m)
		require.NoError(t, err)
	}
}

func FuzzDecodeImage(f *testing.F) {
	for _, data := range files(f) {
		f.Add(data)
	}
	f.Add(jpegWithExif(binary.BigEndian, 6))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Decode(bytes.NewReader(data))
		if err != nil {
			var de *DecodeError
			require.ErrorAs(t, err, &de)
			return
		}
		require.Len(t, m.Pix, m.Width*m.Height*m.Channels)
	})
}
