package vision

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func names(d *Dataset) (names []string) {
	for i := range d.Len() {
		names = append(names, d.ImageName(i))
	}
	return names
}

// count is the number of images of each class.
func count(d *Dataset) []int {
	n := make([]int, len(d.Classes()))
	for i := range d.Len() {
		n[d.Class(i)]++
	}
	return n
}

func TestHoldAndPerClass(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := pictures(rapid.IntRange(1, 60).Draw(t, "images"), 1, 1, 1, rapid.IntRange(1, 5).Draw(t, "classes"))
		fraction, seed := rapid.Float64Range(0, 1).Draw(t, "fraction"), rapid.Uint64().Draw(t, "seed")
		rest, held := d.Hold(fraction, seed)
		require.ElementsMatch(t, names(d), append(names(rest), names(held)...))
		for class, n := range count(d) {
			got := count(held)[class]
			require.InDelta(t, fraction*float64(n), got, 1)
			if n > 1 && fraction > 0 {
				require.True(t, got >= 1 && got < n)
			}
		}
		again, _ := d.Hold(fraction, seed)
		require.Equal(t, names(rest), names(again))

		k := rapid.IntRange(0, 20).Draw(t, "each")
		few, more := d.PerClass(k, seed), d.PerClass(k+3, seed)
		require.Subset(t, names(more), names(few))
		for class, n := range count(d) {
			require.Equal(t, min(n, k), count(few)[class])
		}
	})
	d := pictures(50, 1, 1, 1, 2)
	require.NotEqual(t, names(d.PerClass(5, 1)), names(d.PerClass(5, 2)))
	_, held := d.Hold(0.2, 1)
	require.NotEqual(t, names(d.PerClass(5, 1)), names(held), "with one seed they choose apart")
}

func TestOnly(t *testing.T) {
	d := pictures(9, 1, 1, 1, 3)
	some, err := d.Only("2", "0")
	require.NoError(t, err)
	require.Equal(t, []string{"2", "0"}, some.Classes())
	require.Equal(t, []string{"0", "2", "3", "5", "6", "8"}, names(some))
	require.Equal(t, []int{1, 0, 1, 0, 1, 0}, classesOf(some))
	require.Equal(t, []int{0, 1, 2, 0, 1, 2, 0, 1, 2}, classesOf(d), "the data set itself stays")
	_, err = d.Only("7")
	require.EqualError(t, err, `vision: data set "pictures": no class "7", there are "0", "1", "2"`)
	_, err = d.Only("1", "1")
	require.ErrorContains(t, err, `class "1" is named twice`)
}

func TestCheckTraining(t *testing.T) {
	image := []byte{} // nothing is decoded here
	folder := func(paths string) *Dataset {
		files := map[string][]byte{}
		for path := range strings.FieldsSeq(paths) {
			files[path] = image
		}
		return open(t, tree(t, files))
	}
	for name, c := range map[string]struct {
		paths, val string
		want       string
	}{
		"good":          {"a/1.png b/1.png", "", ""},
		"good parts":    {"train/a/1.png train/b/1.png val/a/2.png val/b/2.png", "", ""},
		"one class":     {"a/1.png a/2.png", "", `one class, "a": there is nothing to tell apart`},
		"no classes":    {"1.png 2.png", "", `image "1.png" has no class`},
		"empty":         {"a/1.png b/1.png c/README d/x/README", "", `classes without an image to train with: "c", "d"`},
		"empty of two":  {"a/1.png b/README", "", `classes without an image to train with: "b"`},
		"empty part":    {"train/a/1.png train/b/1.png train/c/README val/a/2.png val/b/2.png", "", `without an image to train with: "c"`},
		"none to train": {"test/a/1.png test/b/1.png", "", "no images"},
		"val has more":  {"train/a/1.png train/b/1.png val/a/2.png val/b/2.png val/c/2.png", "", `to validate with are of classes that those to train with lack: "c"`},
		"val has less":  {"train/a/1.png train/b/1.png val/b/2.png", "", `classes without an image to validate with: "a"`},
		"another":       {"a/1.png b/1.png", "a/1.png b/1.png", ""},
		"other names":   {"a/1.png b/1.png", "A/1.png b/1.png", `lack: "A"`},
	} {
		train := folder(c.paths)
		val := train.Split(Val)
		if len(train.Splits()) > 0 {
			train = train.Split(Train)
		}
		if c.val != "" {
			val = folder(c.val)
		}
		err := CheckTraining(train, val)
		if c.want == "" {
			require.NoError(t, err, name)
			continue
		}
		require.ErrorContains(t, err, c.want, name)
		require.True(t, strings.HasPrefix(err.Error(), "vision: data set "), err)
	}
	archived := open(t, archive(t, map[string][]byte{"a/1.png": image, "b/1.png": image}))
	require.ErrorContains(t, CheckTraining(archived, nil), `without an image to train with: "none"`)
	reversed, err := pictures(6, 1, 1, 1, 3).Only("2", "1", "0")
	require.NoError(t, err)
	require.ErrorContains(t, CheckTraining(pictures(6, 1, 1, 1, 3), reversed), "numbered otherwise")
	gap := pictures(6, 1, 1, 1, 2)
	gap.classes = numberedClasses(30)
	require.ErrorContains(t, CheckTraining(gap, nil), `"11" and 19 more`)
}
