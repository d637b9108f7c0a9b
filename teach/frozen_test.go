package teach

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/vision"
)

// What a data set is told apart by includes the files that a list names, by their whole paths too, and behind one that is
// missing.
func TestHashDataOfList(t *testing.T) {
	dir := t.TempDir()
	image := filepath.Join(dir, "images", "a.png")
	require.NoError(t, os.Mkdir(filepath.Dir(image), 0o755))
	require.NoError(t, os.WriteFile(image, []byte("one"), 0o644))
	for name, path := range map[string]string{"whole": image, "below": "images/a.png"} {
		t.Run(name, func(t *testing.T) {
			list := filepath.Join(dir, name+".csv")
			require.NoError(t, os.WriteFile(list, fmt.Appendf(nil, "missing.png,x\n%s,y\n", path), 0o644))
			data, err := vision.OpenDataset(list)
			require.NoError(t, err)
			defer data.Close()
			var before, after bytes.Buffer
			require.NoError(t, os.WriteFile(image, []byte("one"), 0o644))
			hashData(&before, data, false)
			require.NoError(t, os.WriteFile(image, []byte("another"), 0o644))
			hashData(&after, data, false)
			require.NotEqual(t, before.String(), after.String())
		})
	}
}
