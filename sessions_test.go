package onnxrun

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/tensor"
	"github.com/onnxrun/onnxrun/vision"
)

// A model keeps few sessions, those used last, and closes one when the last of its Runs has ended.
func TestSessionsAreFew(t *testing.T) {
	m := lenet(t, Options{})
	layers := []string{"C1", "C3", "C5", "F6", "prob"}
	held, err := m.sessions.open(t.Context(), m.graph.Value(layers[0]))
	require.NoError(t, err)
	again, err := m.sessions.open(t.Context(), m.graph.Value(layers[0]))
	require.NoError(t, err)
	require.Same(t, held, again)
	m.sessions.release(again)
	for _, layer := range layers[1:] {
		_, err := m.Features(t.Context(), layer, vision.Pictures(digit(t, "one")))
		require.NoError(t, err)
	}
	require.Len(t, m.sessions.kept, maxSessions)
	require.NotContains(t, m.sessions.kept, held)
	require.NotNil(t, held.Session, "closed while it is in use")
	m.sessions.release(held)
	require.Nil(t, held.Session)

	_, err = m.Features(t.Context(), "C3", vision.Pictures(digit(t, "one")))
	require.NoError(t, err)
	_, err = m.Features(t.Context(), "C1", vision.Pictures(digit(t, "one")))
	require.NoError(t, err)
	var kept []string
	for _, s := range m.sessions.kept {
		kept = append(kept, s.value)
	}
	require.Equal(t, []string{"C1", "C3", "prob", "F6"}, kept)

	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = m.Features(cancelled, "C5", vision.Pictures(digit(t, "one")))
	require.ErrorIs(t, err, context.Canceled)
	m.Close()
	require.Empty(t, m.sessions.kept)
	_, err = m.Features(t.Context(), "C5", vision.Pictures(digit(t, "one")))
	require.NoError(t, err)
	require.Empty(t, m.sessions.kept, "nothing is left behind of a model that is closed")
	require.Nil(t, m.sessions.pool)
}

// Callers who want other layers at the same time get what each of them would get alone.
func TestFeaturesOfManyLayersAtOnce(t *testing.T) {
	m := lenet(t, Options{})
	layers := []string{"C1", "S2", "C3", "C5", "F6", "F6/tanh", "prob"}
	want := map[string]*tensor.Tensor{}
	for _, layer := range layers {
		alone := lenet(t, Options{})
		set, err := alone.Features(t.Context(), layer, vision.Pictures(digit(t, "two")))
		require.NoError(t, err)
		want[layer] = set.Data
	}
	image := digit(t, "two")
	var callers sync.WaitGroup
	for i := range 28 {
		callers.Go(func() {
			layer := layers[i%len(layers)]
			set, err := m.Features(context.Background(), layer, vision.Pictures(image))
			if err != nil || !set.Data.Equal(want[layer]) {
				t.Errorf("%s: %v", layer, err)
			}
		})
	}
	callers.Wait()
}
