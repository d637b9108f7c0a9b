package tensor

import (
	"archive/zip"
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/sbinet/npyio"
	"github.com/stretchr/testify/require"
)

func TestNPYRoundTrip(t *testing.T) {
	for _, e := range npyTypes {
		for _, shape := range [][]int{{}, {0}, {3}, {2, 3}, {2, 1, 2, 5}} {
			x := New(e.dtype, shape...)
			for i := range x.data {
				x.data[i] = byte(i*7) & 1
			}
			var buf bytes.Buffer
			require.NoError(t, WriteNPY(&buf, x))
			require.Zero(t, (buf.Len()-len(x.data))%Align)
			y, err := ReadNPY(&buf)
			require.NoError(t, err)
			require.True(t, x.Equal(y), "%v", x)
		}
	}
	require.ErrorContains(t, WriteNPY(&bytes.Buffer{}, New(String, 1)), "string")
}

// Another reader of the format reads what WriteNPY writes, and ReadNPY what another writer writes.
func TestNPYAgainstNpyio(t *testing.T) {
	var buf bytes.Buffer
	require.NoError(t, WriteNPY(&buf, FromSlice([]float32{1, 2, 3, 4, 5, 6}, 2, 3)))
	r, err := npyio.NewReader(&buf)
	require.NoError(t, err)
	require.Equal(t, []int{2, 3}, r.Header.Descr.Shape)
	var got []float32
	require.NoError(t, r.Read(&got))
	require.Equal(t, []float32{1, 2, 3, 4, 5, 6}, got)

	buf.Reset()
	require.NoError(t, npyio.Write(&buf, []int64{7, -8}))
	x, err := ReadNPY(&buf)
	require.NoError(t, err)
	require.True(t, x.Equal(Vector[int64](7, -8)))
}

func npyFile(header string, data ...byte) *bytes.Buffer {
	return bytes.NewBuffer(append([]byte(npyMagic+"\x01\x00"+string([]byte{byte(len(header)), byte(len(header) >> 8)})+header), data...))
}

func TestNPYFormsOfOtherWriters(t *testing.T) {
	x, err := ReadNPY(npyFile("{'descr': '>i2', 'fortran_order': True, 'shape': (2, 3), }\n", 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6))
	require.NoError(t, err)
	require.True(t, x.Equal(FromSlice([]int16{1, 3, 5, 2, 4, 6}, 2, 3)))
	x, err = ReadNPY(npyFile("{'descr': '<u1', 'fortran_order': False, 'shape': (1L,)}", 9))
	require.NoError(t, err)
	require.True(t, x.Equal(Vector[uint8](9)))
}

func TestNPYRefusesBadFiles(t *testing.T) {
	for want, file := range map[string]*bytes.Buffer{
		"not a .npy file":     bytes.NewBufferString("hello, world"),
		"EOF":                 bytes.NewBufferString(""),
		"is not understood":   npyFile("{}"),
		"unsupported element": npyFile("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"),
		"needs 4000000000000": npyFile("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }", 1, 2),
		"too large":           npyFile("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4), }"),
		"out of range":        npyFile("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }"),
		"unsupported version": bytes.NewBufferString(npyMagic + "\x09\x00\x00\x00"),
		"65 dimensions":       npyFile("{'descr': '<f4', 'fortran_order': True, 'shape': ("+strings.Repeat("1, ", 65)+"), }", 0, 0, 0, 0),
		"too long":            bytes.NewBufferString(npyMagic + "\x02\x00\xff\xff\xff\xff"),
	} {
		_, err := ReadNPY(file)
		require.ErrorContains(t, err, want)
		require.True(t, strings.HasPrefix(err.Error(), "tensor: npy: "), err)
	}
}

func TestNPZ(t *testing.T) {
	var buf bytes.Buffer
	in := []Named{{"a", Vector[float32](1, 2)}, {"b", Scalar(true)}}
	require.NoError(t, WriteNPZ(&buf, in))
	out, err := ReadNPZ(bytes.NewReader(buf.Bytes()), int64(buf.Len()))
	require.NoError(t, err)
	require.Equal(t, in[0].Name, out[0].Name)
	require.True(t, in[0].Tensor.Equal(out[0].Tensor))
	require.True(t, in[1].Tensor.Equal(out[1].Tensor))
}

// A small archive does not take all memory.
func TestNPZBombIsRefused(t *testing.T) {
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	f, err := z.Create("a.npy")
	require.NoError(t, err)
	_, err = f.Write(npyFile("{'descr': '|u1', 'fortran_order': False, 'shape': (1000000,), }").Bytes())
	require.NoError(t, err)
	_, err = io.CopyN(f, zeros{}, 1000000)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	require.Less(t, buf.Len(), 2000)
	arrays, err := readNPZ(bytes.NewReader(buf.Bytes()), int64(buf.Len()), 1_100_000)
	require.NoError(t, err)
	require.Equal(t, 1000000, arrays[0].Tensor.Len())
	_, err = readNPZ(bytes.NewReader(buf.Bytes()), int64(buf.Len()), 900_000)
	require.ErrorContains(t, err, "take more memory")
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
