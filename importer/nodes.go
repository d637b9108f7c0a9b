package importer

import (
	"iter"

	"google.golang.org/protobuf/proto"

	"github.com/onnxrun/onnxrun/importer/onnxpb"
)

// nodeList is the nodes of a model's graph, which are decoded one chunk at a time: decoded, they take ten times their bytes.
type nodeList struct {
	data []byte // GraphProtos of nodes alone, one after the other
	n    int
	ends []int // of those of nodesPerChunk nodes
}

const nodesPerChunk = 1024

// added counts one more node at the end of data.
func (l *nodeList) added() {
	if l.n++; l.n%nodesPerChunk == 0 {
		l.ends = append(l.ends, len(l.data))
	}
}

type decodedNodes struct {
	nodes []*onnxpb.NodeProto
	err   error
}

// all decodes the nodes, one chunk ahead of who reads them. An error is the last thing to come, without a node.
func (l *nodeList) all() iter.Seq2[*onnxpb.NodeProto, error] {
	return func(yield func(*onnxpb.NodeProto, error) bool) {
		chunks, stop := make(chan decodedNodes, 1), make(chan struct{})
		defer close(stop)
		go l.decode(chunks, stop)
		for c := range chunks {
			for _, p := range c.nodes {
				if !yield(p, nil) {
					return
				}
			}
			if c.err != nil {
				yield(nil, c.err)
				return
			}
		}
	}
}

func (l *nodeList) decode(chunks chan<- decodedNodes, stop <-chan struct{}) {
	defer close(chunks)
	from := 0
	for _, to := range append(l.ends, len(l.data)) {
		var g onnxpb.GraphProto
		err := proto.Unmarshal(l.data[from:to], &g)
		select {
		case chunks <- decodedNodes{g.Node, err}:
		case <-stop:
			return
		}
		if from = to; err != nil {
			return
		}
	}
}

// given is nodes that have been decoded.
func given(nodes []*onnxpb.NodeProto) iter.Seq2[*onnxpb.NodeProto, error] {
	return func(yield func(*onnxpb.NodeProto, error) bool) {
		for _, p := range nodes {
			if !yield(p, nil) {
				return
			}
		}
	}
}
