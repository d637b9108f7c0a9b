//go:build unix

package atomicfile

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// A link is followed, through folders that are links too: the file that it names is replaced, or made; the link stays.
func TestLinks(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }
	put(t, at("real/deep/file"), "one")
	link := func(to, name string) { require.NoError(t, os.Symlink(to, at(name))) }
	link("real/deep", "short")
	link("short/../deep/file", "link") // "short/.." is real, not the folder of short
	link(at("link"), "absolute")
	link("real/new", "dangling")
	link("around", "round")
	link("round", "around")
	for i, name := range []string{"link", "absolute"} {
		s := string(rune('a' + i))
		require.NoError(t, Write(at(name), text(s, nil)))
		require.Equal(t, s, read(t, at("real/deep/file")))
	}
	require.NoError(t, Check(at("dangling")))
	require.NoError(t, Write(at("dangling"), text("new", nil)))
	require.Equal(t, "new", read(t, at("real/new")))
	require.NoError(t, Write(dir+"/short/../new", text("newer", nil)))
	require.Equal(t, "newer", read(t, at("real/new")))
	for _, err := range []error{Write(at("round"), text("", nil)), Check(at("round"))} {
		require.ErrorIs(t, err, errLinks)
		require.ErrorContains(t, err, at("round"))
	}
	for _, name := range []string{"short", "link", "absolute", "dangling", "round", "around"} {
		info, err := os.Lstat(at(name))
		require.NoError(t, err)
		require.NotZero(t, info.Mode()&fs.ModeSymlink, name)
	}
	has(t, dir, "real", "short", "link", "absolute", "dangling", "round", "around")
	has(t, at("real"), "deep", "new")
	has(t, at("real/deep"), "file")
	require.NoError(t, Remove(at("dangling")))
	has(t, at("real"), "deep")
	_, err := os.Lstat(at("dangling"))
	require.NoError(t, err)
}

func TestSame(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	put(t, at("folder/a"), "")
	put(t, at("b"), "")
	require.NoError(t, os.Symlink("folder", at("link")))
	require.NoError(t, os.Symlink("folder/a", at("a")))
	require.NoError(t, os.Symlink("folder/new", at("new")))
	require.NoError(t, os.Link(at("b"), at("hard")))
	for _, pair := range [][2]string{{"a", "folder/a"}, {"link/a", "folder/a"}, {"b", "hard"}, {"new", "link/new"}, {"none", "folder/../none"}} {
		require.True(t, Same(at(pair[0]), dir+"/"+pair[1]), pair)
	}
	for _, pair := range [][2]string{{"a", "b"}, {"new", "none"}, {"folder/new", "folder/newer"}, {"new", "link/a"}, {"folder/b", "b"}} {
		require.False(t, Same(at(pair[0]), at(pair[1])), pair)
	}
	require.False(t, Same("/dev/null", "/dev/null"))
	require.True(t, Same("/dev/stdout", "/dev/fd/1"))
}

// What is replaced hands on its mode and owner, what is new has what the umask leaves.
func TestModeAndOwner(t *testing.T) {
	old := syscall.Umask(0o027)
	defer syscall.Umask(old)
	path := filepath.Join(t.TempDir(), "file")
	mode := func() fs.FileMode {
		info, err := os.Stat(path)
		require.NoError(t, err)
		return info.Mode()
	}
	require.NoError(t, Write(path, text("new", nil)))
	require.Equal(t, fs.FileMode(0o640), mode())
	for _, m := range []fs.FileMode{0o600, 0o666, 0o444, 0o755 | fs.ModeSetgid} {
		require.NoError(t, os.Chmod(path, m))
		require.NoError(t, Write(path, text("again", nil)))
		require.Equal(t, m, mode())
	}
	if os.Getuid() != 0 {
		t.Skip("only root gives files away")
	}
	require.NoError(t, os.Chown(path, 12, 34))
	require.NoError(t, os.Chmod(path, 0o755|fs.ModeSetuid))
	require.NoError(t, Write(path, text("theirs", nil)))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o755|fs.ModeSetuid), info.Mode())
	require.EqualValues(t, 12, info.Sys().(*syscall.Stat_t).Uid)
	require.EqualValues(t, 34, info.Sys().(*syscall.Stat_t).Gid)
}

// Pipes, sockets and devices get what is written, stay what they are, and nothing stands beside them; a check does not wait.
func TestStreams(t *testing.T) {
	dir := t.TempDir()
	pipe, socket, link := filepath.Join(dir, "pipe"), filepath.Join(dir, "socket"), filepath.Join(dir, "link")
	require.NoError(t, unix.Mkfifo(pipe, 0o600))
	require.NoError(t, os.Symlink("pipe", link))
	listener, err := net.Listen("unix", socket)
	require.NoError(t, err)
	defer listener.Close()
	large := strings.Repeat("0123456789", 50_000)
	for path, open := range map[string]func() (io.ReadCloser, error){
		pipe:   func() (io.ReadCloser, error) { return os.Open(pipe) },
		link:   func() (io.ReadCloser, error) { return os.Open(pipe) },
		socket: func() (io.ReadCloser, error) { return listener.Accept() },
	} {
		require.NoError(t, Check(path))
		kind, err := Look(path)
		require.NoError(t, err)
		require.Equal(t, Stream, kind)
		got := make(chan string)
		go func() {
			r, err := open()
			if err != nil {
				got <- err.Error()
				return
			}
			defer r.Close()
			data, err := io.ReadAll(r)
			got <- string(data) + errText(err)
		}()
		require.NoError(t, Write(path, text(large, nil)))
		require.True(t, large == <-got)
		has(t, dir, "pipe", "socket", "link")
	}
	trial, remove, err := TempDir(pipe)
	require.NoError(t, err)
	require.NotEqual(t, dir, filepath.Dir(trial))
	require.NoError(t, remove())
	require.NoError(t, Check("/dev/null"))
	require.NoError(t, Write("/dev/null", text(large, nil)))
	devices, err := filepath.Glob("/dev/.onnxrun-*")
	require.NoError(t, err)
	require.Empty(t, devices)
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// A device that is full is an error that names it, whatever is written with it: files of the same write are as they were.
func TestFullDevice(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("/dev/full is a device of Linux")
	}
	require.NoError(t, Check("/dev/full"))
	err := Write("/dev/full", text("x", nil))
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.EqualError(t, err, "write /dev/full: no space left on device")
	path := filepath.Join(t.TempDir(), "file")
	put(t, path, "old")
	require.ErrorIs(t, WriteAll([]File{{path, text("new", nil)}, {"/dev/full", text("x", nil)}}), syscall.ENOSPC)
	require.Equal(t, "old", read(t, path))
	has(t, filepath.Dir(path), "file")
}

// asWriter makes the test's own binary write a file, slowly, to descriptor 1 or to a path, and end.
const asWriter = "ATOMICFILE_TEST_WRITES"

func TestMain(m *testing.M) {
	path := os.Getenv(asWriter)
	if path == "" {
		os.Exit(m.Run())
	}
	err := Write(path, func(w io.Writer) error {
		_, err := io.WriteString(w, strings.Repeat("x", 100_000))
		os.Stderr.WriteString("writing\n")
		io.Copy(io.Discard, os.Stdin)
		return err
	})
	if err != nil {
		os.Stderr.WriteString(err.Error())
		os.Exit(2)
	}
	os.Exit(0)
}

// writer is a process that writes path until its standard input ends.
func writer(t *testing.T, path string) *exec.Cmd {
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), asWriter+"="+path)
	return cmd
}

// Standard output is written to from where it stands, whatever it is.
func TestStandardOutput(t *testing.T) {
	for _, name := range []string{"/dev/stdout", "/dev/fd/1"} {
		path := filepath.Join(t.TempDir(), "file")
		put(t, path, "before ")
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		require.NoError(t, err)
		cmd := writer(t, name)
		cmd.Stdout = f
		require.NoError(t, cmd.Run())
		require.NoError(t, f.Close())
		require.Equal(t, "before "+strings.Repeat("x", 100_000), read(t, path))
		has(t, filepath.Dir(path), "file")
		require.True(t, Stdout(name))
	}
	require.False(t, Stdout("/dev/stderr"))
	require.ErrorIs(t, Check("/dev/fd/12345"), fs.ErrNotExist)
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer w.Close()
	defer r.Close()
	require.Error(t, Check("/dev/fd/"+strconv.Itoa(int(r.Fd()))), "it is there to be read")
	require.NoError(t, Check("/dev/fd/"+strconv.Itoa(int(w.Fd()))))
}

// The folder of a process that is writing stays, and goes once the process is killed.
func TestKilledWriter(t *testing.T) {
	if !locks(t) {
		t.Skip("no locks on folders: left over is what is a day old (TestTouched)")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	put(t, path, "old")
	cmd := writer(t, path)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	defer in.Close()
	said, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	_, err = said.Read(make([]byte, 8))
	require.NoError(t, err)
	stages := func() []string {
		found, err := filepath.Glob(filepath.Join(dir, ".onnxrun-file-*"))
		require.NoError(t, err)
		return found
	}
	require.Len(t, stages(), 1)
	require.NoError(t, Write(path, text("other", nil)))
	require.Len(t, stages(), 1, "its process lives")
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	require.Len(t, stages(), 1)
	require.Equal(t, "other", read(t, path))
	require.NoError(t, Check(path))
	has(t, dir, "file")
}

// A folder in which nothing can be made, and a disk that is full, leave what was there, and name it.
func TestNoRoom(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	put(t, path, "old")
	var before syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before))
	limited := before
	limited.Cur = 16 << 20 // beyond the files that the test itself has open
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limited))
	err := Write(path, text(strings.Repeat("x", 17<<20), nil))
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before))
	require.ErrorIs(t, err, syscall.EFBIG)
	require.ErrorContains(t, err, "write "+path+": ")
	require.Equal(t, "old", read(t, path))
	has(t, dir, "file")

	if os.Getuid() == 0 {
		t.Skip("root writes to any folder; cmd/onnxrun tests it without that right")
	}
	require.NoError(t, os.Chmod(dir, 0o555))
	defer os.Chmod(dir, 0o755)
	for _, err := range []error{Check(path), Write(path, text("new", nil))} {
		require.True(t, errors.Is(err, fs.ErrPermission))
		require.ErrorContains(t, err, path)
	}
	require.Equal(t, "old", read(t, path))
}

// A stage that another has removed, before it was locked, is not used.
func TestSweptBeforeLocked(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "stage")
	require.NoError(t, os.Mkdir(dir, 0o777))
	d, err := os.Open(dir)
	require.NoError(t, err)
	defer d.Close()
	require.True(t, isFolder(dir, d))
	require.NoError(t, os.Remove(dir))
	require.False(t, isFolder(dir, d))
}
