package mutant

import (
	"math"
	"math/rand/v2"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/onnxrun/onnxrun/importer/onnxpb"
	"github.com/onnxrun/onnxrun/ops"
)

// Mutate changes a model in one place or some, as a seed says: attributes, links, operators, types, shapes, weights,
// opsets, bodies. Most of what comes of it is no model; enough is one that nobody writes.
func Mutate(model *onnxpb.ModelProto, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 2))
	if model.Graph == nil {
		return
	}
	for first := true; first || r.IntN(5) < 2; first = false {
		m := &mutator{Rand: r, model: model, graphs: graphsOf(model.Graph, nil, 0)}
		m.graph = pick(r, m.graphs)
		m.step()
	}
}

// mutator is one change under way.
type mutator struct {
	*rand.Rand
	model  *onnxpb.ModelProto
	graphs []*onnxpb.GraphProto // the model's and all bodies
	graph  *onnxpb.GraphProto   // the one that is changed
}

func pick[T any](r *rand.Rand, list []T) (one T) {
	if len(list) > 0 {
		one = list[r.IntN(len(list))]
	}
	return one
}

// graphsOf is a graph and the bodies in it.
func graphsOf(g *onnxpb.GraphProto, list []*onnxpb.GraphProto, depth int) []*onnxpb.GraphProto {
	list = append(list, g)
	if depth > 4 {
		return list
	}
	for _, n := range g.Node {
		for _, a := range n.Attribute {
			if a.G != nil {
				list = graphsOf(a.G, list, depth+1)
			}
		}
	}
	return list
}

// step makes one change, more often of what there is more of to change.
func (m *mutator) step() {
	switch k := m.IntN(20); {
	case k < 7:
		m.attribute(pick(m.Rand, m.graph.Node))
	case k < 11:
		m.node(pick(m.Rand, m.graph.Node))
	case k < 14:
		m.tensor(pick(m.Rand, m.graph.Initializer))
	case k < 16:
		m.value(pick(m.Rand, slices.Concat(m.graph.Input, m.graph.Output, m.graph.ValueInfo)))
	case k < 18:
		m.structure()
	default:
		m.file()
	}
}

// names is all names of values in the graph that is changed, and some that are none.
func (m *mutator) names() []string {
	names := []string{"", "nobody"}
	for _, v := range m.graph.Input {
		names = append(names, v.Name)
	}
	for _, t := range m.graph.Initializer {
		names = append(names, t.Name)
	}
	for _, n := range m.graph.Node {
		names = append(names, n.Output...)
	}
	return names
}

// node changes an operator, its inputs and outputs.
func (m *mutator) node(n *onnxpb.NodeProto) {
	if n == nil {
		return
	}
	switch m.IntN(9) {
	case 0: // an input that is left out
		if len(n.Input) > 0 {
			n.Input[m.IntN(len(n.Input))] = ""
		}
	case 1, 2: // an input that is another value, of a later node too
		if len(n.Input) > 0 {
			n.Input[m.IntN(len(n.Input))] = pick(m.Rand, m.names())
		}
	case 3:
		n.Input = append(n.Input, pick(m.Rand, m.names()))
	case 4:
		n.Input = n.Input[:m.IntN(len(n.Input)+1)]
	case 5:
		if len(n.Output) > 0 {
			n.Output[m.IntN(len(n.Output))] = pick(m.Rand, m.names())
		}
	case 6:
		n.Output = append(n.Output, pick(m.Rand, []string{"", "more", "more2"}))
	case 7: // the operator of another node, with the attributes of this one
		if other := pick(m.Rand, m.graph.Node); other != nil {
			n.OpType, n.Domain = other.OpType, other.Domain
		}
	case 8:
		def := pick(m.Rand, ops.All())
		n.OpType, n.Domain = def.Name, def.Domain
	}
}

// structure removes, doubles, moves and renames whole nodes, values and bodies.
func (m *mutator) structure() {
	g := m.graph
	switch m.IntN(9) {
	case 0:
		if i := m.IntN(len(g.Node) + 1); i < len(g.Node) {
			g.Node = slices.Delete(g.Node, i, i+1)
		}
	case 1: // which computes the same values once more, or others
		if n := pick(m.Rand, g.Node); n != nil {
			n = proto.Clone(n).(*onnxpb.NodeProto)
			if m.IntN(2) == 0 {
				for i := range n.Output {
					n.Output[i] += "'"
				}
			}
			g.Node = append(g.Node, n)
		}
	case 2:
		m.Shuffle(len(g.Node), func(i, j int) { g.Node[i], g.Node[j] = g.Node[j], g.Node[i] })
	case 3:
		if i := m.IntN(len(g.Initializer) + 1); i < len(g.Initializer) {
			g.Initializer = slices.Delete(g.Initializer, i, i+1)
		}
	case 4: // another output
		g.Output = append(g.Output, &onnxpb.ValueInfoProto{Name: pick(m.Rand, m.names())})
	case 5:
		if i := m.IntN(len(g.Input) + 1); i < len(g.Input) {
			g.Input = slices.Delete(g.Input, i, i+1)
		}
	case 6:
		if i := m.IntN(len(g.Output) + 1); i < len(g.Output) {
			g.Output = slices.Delete(g.Output, i, i+1)
		}
	case 7: // an initializer that can be given, too
		if t := pick(m.Rand, g.Initializer); t != nil {
			g.Input = append(g.Input, &onnxpb.ValueInfoProto{Name: t.Name, Type: tensorType(t.DataType, t.Dims)})
		}
	case 8: // a body in another's place
		if other := pick(m.Rand, m.graphs[1:]); other != nil {
			other = proto.Clone(other).(*onnxpb.GraphProto) // which may lie in g
			proto.Reset(g)
			proto.Merge(g, other)
		}
	}
}

func tensorType(dt int32, dims []int64) *onnxpb.TypeProto {
	shape := &onnxpb.TensorShapeProto{}
	for _, d := range dims {
		shape.Dim = append(shape.Dim, &onnxpb.TensorShapeProto_Dimension{Value: &onnxpb.TensorShapeProto_Dimension_DimValue{DimValue: d}})
	}
	return &onnxpb.TypeProto{Value: &onnxpb.TypeProto_TensorType{TensorType: &onnxpb.TypeProto_Tensor{ElemType: dt, Shape: shape}}}
}

// file changes what a model says of itself.
func (m *mutator) file() {
	switch m.IntN(5) {
	case 0, 1:
		if o := pick(m.Rand, m.model.OpsetImport); o != nil {
			o.Version = int64(1 + m.IntN(ops.Opset+2))
		}
	case 2:
		m.model.IrVersion = pick(m.Rand, []int64{-1, 1, 2, 3, 4, 7, 8, 10, 13, 99})
	case 3:
		m.model.OpsetImport = append(m.model.OpsetImport, &onnxpb.OperatorSetIdProto{
			Domain: pick(m.Rand, []string{"", "ai.onnx", "com.microsoft", "onnxrun"}), Version: int64(m.IntN(30)),
		})
	case 4:
		m.model.MetadataProps = append(m.model.MetadataProps, &onnxpb.StringStringEntryProto{
			Key: pick(m.Rand, []string{"onnxrun.preprocess", "onnxrun.labels", "onnxrun.passes", "x"}), Value: pick(m.Rand, []string{"", "{", "[]", "\x1b[2J", "null"}),
		})
	}
}

// integers and floats are those at which code breaks.
var (
	integers = []int64{0, 1, -1, 2, 3, -2, 7, 16, 100, 255, 1 << 16, 1 << 31, -1 << 31, 1<<31 - 1, 1 << 40, math.MaxInt64, math.MinInt64, math.MinInt64 + 1}
	floats   = []float32{0, float32(math.Copysign(0, -1)), 1, -1, 0.5, 2, 1e-30, 1e30, -1e30, 1e-45, float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))}
	texts    = []string{"", "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID", "nearest", "linear", "cubic", "constant", "edge", "reflect", "wrap", "half_pixel",
		"align_corners", "asymmetric", "sum", "mean", "none", "add", "mul", "max", "min", "bilinear", "DCR", "CRD", "tanh", "ij,jk->ik", "...ii->...i", "\xff", "%s%n"}
	dims = []int64{0, 1, 2, 3, 4, 5, 8, 17, -1, 64, 1 << 20, 1 << 40, math.MaxInt64}
)
