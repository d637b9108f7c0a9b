package main

import (
	"archive/tar"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/onnxrun/onnxrun/importer/onnxpb"
	"github.com/onnxrun/onnxrun/tensor"
)

// hostile is a name that moves the cursor, colours, turns the direction of writing, and begins a line of its own.
const hostile = "\x1b[31m\x1b]0;t\a\u009b1m\u202e\u2066\u200b\ufeff\u2028\r\n\tINJECTED "

// rename puts something before every text in a message, so that what belongs together still does. keep says which fields
// have a meaning.
func rename(m protoreflect.Message, prefix string, keep func(m protoreflect.Message, field protoreflect.Name) bool) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		text := f.Kind() == protoreflect.StringKind && !keep(m, f.Name())
		switch {
		case f.IsList() && text:
			for i := range v.List().Len() {
				if s := v.List().Get(i).String(); s != "" {
					v.List().Set(i, protoreflect.ValueOfString(prefix+s))
				}
			}
		case text && v.String() != "":
			m.Set(f, protoreflect.ValueOfString(prefix+v.String()))
		case f.Message() != nil && f.IsList():
			for i := range v.List().Len() {
				rename(v.List().Get(i).Message(), prefix, keep)
			}
		case f.Message() != nil:
			rename(v.Message(), prefix, keep)
		}
		return true
	})
}

// needed says which texts stay for a model to run.
func needed(m protoreflect.Message, field protoreflect.Name) bool {
	switch name := m.Descriptor().Name(); {
	case name == "NodeProto" && field != "name" && field != "doc_string": // its inputs and outputs are renamed
		return field == "op_type" || field == "domain" || field == "overload"
	case name == "AttributeProto", name == "OperatorSetIdProto":
		return true
	}
	return false
}

// hostileModel writes LeNet-5 with hostile names, and hostile labels.
func hostileModel(t *testing.T, prefix string, change func(*onnxpb.ModelProto)) string {
	data, err := os.ReadFile(lenet)
	require.NoError(t, err)
	var m onnxpb.ModelProto
	require.NoError(t, proto.Unmarshal(data, &m))
	rename(m.ProtoReflect(), prefix, needed)
	var labels []string
	for i := range 10 {
		labels = append(labels, fmt.Sprint(prefix, i))
	}
	text, err := json.Marshal(labels)
	require.NoError(t, err)
	for _, kv := range m.MetadataProps { // as they were
		kv.Key, kv.Value = strings.TrimPrefix(kv.Key, prefix), strings.TrimPrefix(kv.Value, prefix)
		if kv.Key == "onnxrun.labels" {
			kv.Value = string(text)
		}
	}
	m.MetadataProps = append(m.MetadataProps, &onnxpb.StringStringEntryProto{Key: prefix + "key", Value: prefix + "value"})
	if change != nil {
		change(&m)
	}
	data, err = proto.Marshal(&m)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "hostile.onnx")
	require.NoError(t, os.WriteFile(path, data, 0o600))
	return path
}

// requirePlain refuses output that a terminal would take for more than text, and lines that a name began.
func requirePlain(t *testing.T, text string, what ...any) {
	t.Helper()
	require.True(t, utf8.ValidString(text), what...)
	for i, r := range text {
		if r != '\n' && !unicode.IsGraphic(r) {
			require.Fail(t, "not plain", "%q in %q (%v)", r, text[max(0, i-80):min(len(text), i+80)], what)
		}
	}
	for line := range strings.Lines(text) {
		require.False(t, strings.HasPrefix(strings.TrimSpace(line), "INJECTED"), "%q (%v)", line, what)
	}
}

// hostileCommands are command lines of all that prints what a model says.
func hostileCommands(t *testing.T, model string) [][]string {
	dir := t.TempDir()
	out := func(name string) string { return filepath.Join(dir, name) }
	x := npy(t, dir, tensor.New(tensor.Float32, 1, 1, 28, 28))
	return [][]string{
		{"info", model}, {"check", model}, {model, seven}, {"run", model, "-i", x, "-o", out("run")}, {"run", model, "-i", "no=" + x, "-o", out("run")},
		{"features", model, seven, "--layer", "nonsense", "-o", out("f.csv")}, {"bench", model, "--time", "1ms"},
		{"profile", model, "--runs", "1"}, {"verify", model}, {"diff", model, model}, {"diff", model, lenet}, {"diff", lenet, model, "--tolerance", "0"},
		{"view", model, "-o", out("v.html")}, {"view", model, "--profile", "--runs", "1", "-o", out("w.html")},
		{"optimize", model, "-o", out("o.onnx"), "--verify", "random", "--time", "0", "-d", "all/stats", "-d", "fold/dump"},
		{"label", model, "--labels", "digits", "-o", out("l.onnx")}, {"eval", model, "../../testdata/digits.csv"},
		{"finetune", model, "../../testdata/digits.csv", "-o", out("t.onnx"), "--epochs", "1", "--freeze", "nonsense"},
	}
}

func TestNamesInModelsAreText(t *testing.T) {
	model := hostileModel(t, hostile, nil)
	for _, args := range hostileCommands(t, model) {
		for _, more := range [][]string{nil, {"--json"}} {
			code, out, errOut := run(t, append(args, more...)...)
			requirePlain(t, out, args, more)
			requirePlain(t, errOut, args, more)
			require.Contains(t, []int{exitDone, exitNo, exitBad}, code)
			if more != nil && code == exitDone {
				require.True(t, json.Valid([]byte(out)), "%v: %s", args, out)
			}
		}
	}
	require.Contains(t, ok(t, "info", model), `\x1b[31m`, "the names are there")
	var info struct{ Nodes []struct{ Name string } }
	require.NoError(t, json.Unmarshal([]byte(ok(t, "info", model, "--json")), &info))
	require.True(t, strings.HasPrefix(info.Nodes[0].Name, hostile), "JSON has the names as they are")
}

// Names of a megabyte make no output of megabytes, but as JSON.
func TestLongNamesAreCut(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	model := hostileModel(t, strings.Repeat("\x1b\nINJECTED", 10_000), nil)
	for _, args := range hostileCommands(t, model) {
		_, out, errOut := run(t, args...)
		if !strings.Contains(strings.Join(args, " "), "/dump") { // which is the whole graph
			require.Less(t, len(out)+len(errOut), 200_000, args)
		}
		requirePlain(t, out, args)
		requirePlain(t, errOut, args)
	}
}

// Models that are wrong, each in its way, are told of in a few lines of text.
func TestErrorsQuoteAndCutWhatModelsSay(t *testing.T) {
	for _, prefix := range []string{hostile, strings.Repeat("\x1b\nINJECTED", 100_000)} {
		long := make([]int64, 100_000)
		for i := range long {
			long[i] = int64(i % 7)
		}
		for name, change := range map[string]func(*onnxpb.ModelProto){
			"operator":  func(m *onnxpb.ModelProto) { m.Graph.Node[0].OpType = prefix },
			"domain":    func(m *onnxpb.ModelProto) { m.Graph.Node[0].Domain = prefix },
			"opset":     func(m *onnxpb.ModelProto) { m.OpsetImport[0].Domain, m.OpsetImport[0].Version = prefix, -1 },
			"attribute": func(m *onnxpb.ModelProto) { m.Graph.Node[0].Attribute[0].Name = prefix },
			"value": func(m *onnxpb.ModelProto) {
				m.Graph.Node[0].Attribute = append(m.Graph.Node[0].Attribute, &onnxpb.AttributeProto{Name: "auto_pad", Type: onnxpb.AttributeProto_STRING, S: []byte(prefix)})
			},
			"list": func(m *onnxpb.ModelProto) {
				m.Graph.Node[0].Attribute = append(m.Graph.Node[0].Attribute, &onnxpb.AttributeProto{Name: "dilations", Type: onnxpb.AttributeProto_INTS, Ints: long})
			},
			"input":   func(m *onnxpb.ModelProto) { m.Graph.Node[0].Input[0] = prefix + "none" },
			"output":  func(m *onnxpb.ModelProto) { m.Graph.Output[0].Name = prefix + "none" },
			"weights": func(m *onnxpb.ModelProto) { m.Graph.Initializer[0].Dims = long },
			"symbol": func(m *onnxpb.ModelProto) {
				for _, d := range m.Graph.Input[0].Type.GetTensorType().Shape.Dim {
					d.Value = &onnxpb.TensorShapeProto_Dimension_DimParam{DimParam: prefix}
				}
			},
			"dimensions": func(m *onnxpb.ModelProto) {
				shape := m.Graph.Input[0].Type.GetTensorType().Shape
				for range long {
					shape.Dim = append(shape.Dim, shape.Dim[0])
				}
			},
			"location": func(m *onnxpb.ModelProto) {
				m.Graph.Initializer[0].DataLocation = onnxpb.TensorProto_EXTERNAL
				m.Graph.Initializer[0].ExternalData = []*onnxpb.StringStringEntryProto{{Key: "location", Value: prefix}}
			},
			"offset": func(m *onnxpb.ModelProto) {
				m.Graph.Initializer[0].DataLocation = onnxpb.TensorProto_EXTERNAL
				m.Graph.Initializer[0].ExternalData = []*onnxpb.StringStringEntryProto{{Key: "offset", Value: prefix}}
			},
			"function": func(m *onnxpb.ModelProto) {
				m.Functions = append(m.Functions, &onnxpb.FunctionProto{Name: prefix}, &onnxpb.FunctionProto{Name: prefix})
			},
			"preprocess": func(m *onnxpb.ModelProto) { setMeta(m, "onnxrun.preprocess", prefix) },
			"field": func(m *onnxpb.ModelProto) {
				setMeta(m, "onnxrun.preprocess", `{"`+strings.Repeat("x", len(prefix))+`\u001b": 1}`)
			},
			"labels": func(m *onnxpb.ModelProto) { setMeta(m, "onnxrun.labels", "{"+prefix) },
			"key": func(m *onnxpb.ModelProto) {
				setMeta(m, "onnxrun.labels", `{"`+strings.Repeat("x", len(prefix))+`\u001b": "a"}`)
			},
			"history": func(m *onnxpb.ModelProto) {
				setMeta(m, "onnxrun.passes", `[{"level": "`+strings.Repeat("x", len(prefix))+`\u001b"}]`)
			},
		} {
			model := hostileModel(t, "n", change)
			for _, args := range [][]string{{"info", model}, {"check", model}, {model, seven}, {"bench", model, "--time", "1ms"}} {
				_, out, errOut := run(t, args...)
				require.Less(t, len(out)+len(errOut), 100_000, "%s: %v", name, args[:1])
				requirePlain(t, out, name, args)
				requirePlain(t, errOut, name, args)
			}
		}
	}
}

func setMeta(m *onnxpb.ModelProto, key, value string) {
	for _, kv := range m.MetadataProps {
		if kv.Key == key {
			kv.Value = value
			return
		}
	}
	m.MetadataProps = append(m.MetadataProps, &onnxpb.StringStringEntryProto{Key: key, Value: value})
}

// Names of files, folders, classes and entries of archives are text too.
func TestNamesOfFilesAreText(t *testing.T) {
	dir := t.TempDir()
	name := strings.NewReplacer("/", "", "\x00", "").Replace(hostile) + "\xff"
	image, err := os.ReadFile(seven)
	require.NoError(t, err)
	write := func(path string, data []byte) string {
		path = filepath.Join(dir, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o777))
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Skipf("this system has no such names: %v", err)
		}
		return path
	}
	good, bad := write(name+"7.png", image), write(name+"bad.png", []byte("no image"))
	write("set/"+name+"0/"+name+"7.png", image)
	write("set/"+name+"1/"+name+"7.png", image)
	write("set/"+name+"1/"+name+"8.png", []byte("no image"))
	csv := write(name+".csv", []byte("7.png,"+`"`+name+`"`+"\n"))
	badCSV := write(name+"b.csv", []byte("7.png,a,"+`"`+name+`"`+"\n"))
	labels := write(name+".txt", []byte(strings.Repeat(strings.NewReplacer("\r", "", "\n", "").Replace(name)+"\n", 10)))
	badLabels := write(name+"b.txt", []byte("{\""+strings.Repeat("\u009b", 1000)+"\": 1}"))
	archive := write("names.tar", nil)
	f, err := os.Create(archive)
	require.NoError(t, err)
	w := tar.NewWriter(f)
	for _, class := range []string{"0", "1"} {
		require.NoError(t, w.WriteHeader(&tar.Header{Name: strings.ToValidUTF8(name, "") + class + "/" + strings.Repeat("n\n", 10_000) + ".png", Size: int64(len(image)), Mode: 0o600}))
		_, err = w.Write(image)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	require.NoError(t, f.Close())
	model := write(name+".onnx", []byte("no model"))
	for _, args := range [][]string{
		{lenet, good, good}, {lenet, bad}, {lenet, good + "none"}, {lenet, seven, "--labels", labels}, {lenet, seven, "--labels", badLabels},
		{lenet, seven, "--labels", labels + "none"}, {"eval", lenet, filepath.Join(dir, "set")}, {"eval", lenet, archive}, {"eval", lenet, csv}, {"eval", lenet, badCSV},
		{"eval", lenet, dir + name}, {"info", model}, {"info", model + "none"}, {name}, {good}, {"run", lenet, "-i", bad, "-o", dir}, {"test", filepath.Join(dir, name)},
		{"features", lenet, good, "--layer", "F6", "-o", filepath.Join(dir, name+"f.csv")}, {"features", lenet, good, "--layer", name, "-o", filepath.Join(dir, "f.csv")},
		{"new", name, "-o", filepath.Join(dir, "n.onnx")}, {"info", lenet, "--" + name}, {"view", lenet, "-o", filepath.Join(dir, name+".html")},
		{"finetune", lenet, filepath.Join(dir, "set"), "-o", filepath.Join(dir, name+"t.onnx"), "--epochs", "1", "--batch", "2", "--strict-data"},
		{"train", name, filepath.Join(dir, "set"), "-o", filepath.Join(dir, "t.onnx")},
	} {
		_, out, errOut := run(t, args...)
		requirePlain(t, out, args)
		requirePlain(t, errOut, args)
	}
}

// All that commands print goes through package plain.
func TestAllOutputIsEscaped(t *testing.T) {
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	printed := 0
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, path, nil, 0)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			call, isCall := n.(*ast.CallExpr)
			if !isCall {
				return true
			}
			f, isSelector := call.Fun.(*ast.SelectorExpr)
			if !isSelector {
				return true
			}
			switch pkg, _ := f.X.(*ast.Ident); {
			case pkg == nil:
			case pkg.Name == "plain" && (f.Sel.Name == "Fprintf" || f.Sel.Name == "Cells"):
				printed++
			case pkg.Name == "fmt" && strings.HasPrefix(f.Sel.Name, "Print"),
				pkg.Name == "fmt" && strings.HasPrefix(f.Sel.Name, "Fprint") && !isBuilder(call.Args[0]):
				require.Fail(t, "prints past package plain", "%s", fset.Position(call.Pos()))
			}
			return true
		})
	}
	require.Greater(t, printed, 50)
}

// isBuilder reports whether what is printed to is a local variable.
func isBuilder(arg ast.Expr) bool {
	u, isUnary := arg.(*ast.UnaryExpr)
	return isUnary && u.Op == token.AND
}
