package main

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/onnxrun/onnxrun/vision"
)

// colours writes a data set of four classes that colours tell apart, of 12 images to learn from and 3 to test each.
func colours(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for i, class := range []string{"black", "blue", "red", "white"} {
		for split, n := range map[string]int{"train": 12, "test": 3} {
			for k := range n {
				m := image.NewNRGBA(image.Rect(0, 0, 32, 32))
				for p := range 32 * 32 {
					m.SetNRGBA(p%32, p/32, color.NRGBA{uint8(i / 2 * 200), uint8(k*8 + p%16), uint8(i % 2 * 200), 255})
				}
				path := filepath.Join(dir, split, class, fmt.Sprintf("%02d.png", k))
				if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
					t.Fatal(err)
				}
				f, err := os.Create(path)
				if err != nil {
					t.Fatal(err)
				}
				if err := png.Encode(f, m); err != nil {
					t.Fatal(err)
				}
				if err := f.Close(); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	return dir
}

func TestStudy(t *testing.T) {
	data, err := vision.OpenDataset(colours(t))
	if err != nil {
		t.Fatal(err)
	}
	c := &config{
		arch: "cuda-convnet", freeze: "rnorm2", classes: []string{"red", "blue"}, out: t.TempDir(), methods: methods,
		images: []int{4, 8}, seeds: []int{1, 2}, steps: 3, epochs: 1, pretrain: pretraining(1), workers: 2,
	}
	c.pretrain.Batch = 8
	study := func() (*study, string) {
		r, err := openResults(filepath.Join(c.out, "results.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		defer r.close()
		s, err := newStudy(c, data, r)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.run(context.Background()); err != nil {
			t.Fatal(err)
		}
		file, err := os.ReadFile(r.file.Name())
		if err != nil {
			t.Fatal(err)
		}
		return s, string(file)
	}
	s, lines := study()
	if got, want := strings.Count(lines, "\n"), 1+4*2*2; got != want {
		t.Errorf("%d results, expects %d", got, want)
	}
	for _, r := range s.results.all {
		if r.Tested != 6 || r.Error < 0 || r.Error > 1 {
			t.Errorf("%+v", r)
		}
	}
	again, after := study()
	if after != lines {
		t.Error("what was done is done again")
	}
	if s.table() != again.table() || strings.Count(s.table(), "\n") != 4 {
		t.Errorf("%s\n%s", s.table(), again.table())
	}

	md, picture := filepath.Join(c.out, "page.md"), filepath.Join(c.out, "page.png")
	if err := os.WriteFile(md, []byte("a\n<!-- table -->\nold\n<!-- end -->\nb\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := s.report(md+"#table", picture); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(md)
	if err != nil {
		t.Fatal(err)
	}
	if want := "a\n<!-- table -->\n" + s.table() + "<!-- end -->\nb\n"; string(page) != want {
		t.Errorf("%s", page)
	}
	if info, err := os.Stat(picture); err != nil || info.Size() == 0 {
		t.Error(err)
	}
}

func TestRecipe(t *testing.T) {
	c := &config{steps: 400, epochs: 15, freeze: "rnorm2"}
	for _, want := range []struct{ images, epochs int }{{20, 400}, {60, 400}, {200, 67}, {600, 23}, {2000, 15}} {
		for _, m := range methods {
			if r := m.recipe(c, want.images, 1); r.Epochs != want.epochs || r.HoldOut != 0 || r.KeepBest {
				t.Errorf("%s, %d images: %+v", m.key, want.images, r)
			}
		}
	}
}

func TestSpread(t *testing.T) {
	if mean, deviation := spread([]float64{1, 2, 3}); mean != 2 || deviation != 1 {
		t.Error(mean, deviation)
	}
	if mean, deviation := spread([]float64{4}); mean != 4 || deviation != 0 {
		t.Error(mean, deviation)
	}
}

func TestArguments(t *testing.T) {
	if list, err := numbers("1, 20"); err != nil || len(list) != 2 || list[1] != 20 {
		t.Error(list, err)
	}
	for _, bad := range []string{"", "0", "1,1", "x"} {
		if _, err := numbers(bad); err == nil {
			t.Errorf("%q", bad)
		}
	}
	if some, err := chosen("all,head", 0.5); err != nil || len(some) != 2 || some[0].key != "head" || some[1].rate != 0.5 {
		t.Error(some, err)
	}
	if _, err := chosen("none", 0); err == nil {
		t.Error("a method that is not there")
	}
}
