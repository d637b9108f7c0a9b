package train_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/onnxrun/onnxrun/tensor"
	"github.com/onnxrun/onnxrun/train"
	"github.com/onnxrun/onnxrun/vision"
)

// What is counted is what follows from the definitions, whatever the order of the model's scores, their type, and whether they
// are probabilities.
func TestTally(t *testing.T) {
	const images, classes, width, keep = 60, 4, 7, 5
	rng := rand.New(rand.NewPCG(2, 2))
	columns := []int{5, 0, 6, 2}
	truth := make([]int, images)
	scores := tensor.New(tensor.Float32, images, width)
	softmax := tensor.New(tensor.Float32, images, width)
	loss, top1, top5, confusion := 0.0, 0, 0, make([][]int, classes)
	for c := range confusion {
		confusion[c] = make([]int, classes+1)
	}
	probability := make([]float64, images)
	for i := range images {
		truth[i] = rng.IntN(classes)
		row := tensor.Data[float32](scores)[i*width : (i+1)*width]
		total := 0.0
		for k := range row {
			row[k] = float32(4 * rng.NormFloat64())
			if k > 0 && rng.IntN(3) == 0 {
				row[k] = row[k-1] // of equal scores the first is the greatest
			}
			total += math.Exp(float64(row[k]))
		}
		order := make([]int, width)
		for k := range order {
			order[k] = k
			tensor.Data[float32](softmax)[i*width+k] = float32(math.Exp(float64(row[k])) / total)
		}
		slices.SortStableFunc(order, func(a, b int) int {
			switch {
			case row[a] > row[b]:
				return -1
			case row[a] < row[b]:
				return 1
			}
			return 0
		})
		place := slices.Index(order, columns[truth[i]])
		probability[i] = math.Exp(float64(row[columns[truth[i]]])) / total
		loss -= math.Log(probability[i])
		if place == 0 {
			top1++
		}
		if place < 5 {
			top5++
		}
		taken := slices.Index(columns, order[0])
		if taken < 0 {
			taken = classes
		}
		confusion[truth[i]][taken]++
	}
	for name, c := range map[string]struct {
		x      *tensor.Tensor
		logits bool
		far    float64
	}{
		"logits": {scores, true, 1e-9}, "told by themselves": {scores, false, 1e-9}, "probabilities": {softmax, false, 1e-5},
		"pixels": {scores.Reshaped(images, width, 1, 1), true, 1e-9}, "doubles": {tensor.FromFloat32(scores, tensor.Float64), true, 1e-9},
	} {
		tally := train.Tally{Logits: c.logits, Columns: columns, Classes: classes, Keep: keep}
		rows, err := train.Rows(c.x, images)
		require.NoError(t, err)
		for from := 0; from < images; from += 20 { // in batches, with a row that is of no image and one of no class
			part := tensor.FromSlice(slices.Concat(tensor.Data[float32](rows)[from*width:(from+20)*width], make([]float32, 2*width)), 22, width)
			b := &vision.Batch{Classes: append(slices.Clone(truth[from:from+20]), -1, -1)}
			for i := range 20 {
				b.Images = append(b.Images, from+i)
			}
			b.Images = append(b.Images, -1, 99)
			require.NoError(t, tally.Add(part, b))
		}
		require.Equal(t, []int{images, top1, top5, 0, 3}, []int{tally.Images, tally.Top1, tally.Top5, tally.Infinite, tally.Unnamed}, name)
		require.InDelta(t, loss, tally.Loss, c.far, name)
		require.Equal(t, confusion, tally.Confusion, name)
		require.InDelta(t, loss/images, tally.Metrics().Loss, c.far)
		require.Equal(t, float64(top1)/images, tally.Metrics().Accuracy)
		worst := tally.Worst()
		require.Len(t, worst, keep)
		sorted := slices.Sorted(slices.Values(probability))
		for k, w := range worst {
			require.InDelta(t, sorted[k], w.Probability, 1e-6, name)
			require.InDelta(t, probability[w.Image], w.Probability, 1e-6, name)
			require.Equal(t, truth[w.Image], w.Class)
			require.GreaterOrEqual(t, w.Confidence, w.Probability)
		}
		of, taken := 0, 0
		for i, row := range confusion {
			taken += row[1]
			of += confusion[1][i]
		}
		of += confusion[1][classes]
		require.Equal(t, train.ClassTally{
			Images: of, Recall: float64(confusion[1][1]) / float64(of), Precision: float64(confusion[1][1]) / float64(taken),
			Elsewhere: confusion[1][classes],
		}, tally.Class(1))
	}
}

// Logits that look like probabilities are none if they are known to be logits, infinite ones are counted, and those that are not
// numbers are an error.
func TestTallyOfStrangeScores(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	count := func(logits bool, row ...float32) (train.Tally, error) {
		tally := train.Tally{Logits: logits}
		return tally, tally.Add(tensor.FromSlice(row, 1, len(row)), &vision.Batch{Classes: []int{1}, Names: []string{"a.png"}})
	}
	for _, c := range []struct {
		row      []float32
		logits   bool
		loss     float64
		infinite int
	}{
		{[]float32{0.25, 0.75}, false, -math.Log(0.75), 0},
		{[]float32{0.25, 0.75}, true, math.Log(1 + math.Exp(-0.5)), 0},
		{[]float32{1, 0}, false, -math.Log(1e-38), 0},
		{[]float32{300, 0}, true, 300, 0},
		{[]float32{inf, 0}, true, -math.Log(1e-38), 1},
		{[]float32{0, inf}, true, 0, 1},
		{[]float32{0, -inf}, true, -math.Log(1e-38), 1},
		{[]float32{-inf, 0}, true, 0, 0},
	} {
		tally, err := count(c.logits, c.row...)
		require.NoError(t, err)
		require.InDelta(t, c.loss, tally.Loss, 1e-7, "%v", c.row)
		require.Equal(t, c.infinite, tally.Infinite, "%v", c.row)
	}
	_, err := count(true, nan, 1)
	require.EqualError(t, err, `onnxrun: output "": image "a.png": the scores are not numbers (NaN)`)
	_, err = count(true, 1)
	require.EqualError(t, err, "1 scores, none of class 1")
	_, err = train.Rows(tensor.New(tensor.Float32, 3, 2), 4)
	require.EqualError(t, err, "float32[3 2] has no row of scores for each of 4 images")
	_, err = train.Rows(tensor.New(tensor.Int64, 4, 2), 4)
	require.Error(t, err)
}
