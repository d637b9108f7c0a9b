package train

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/onnxrun/onnxrun/internal/modelinfo"
	"github.com/onnxrun/onnxrun/tensor"
	"github.com/onnxrun/onnxrun/vision"
)

// Tally counts how well a model tells classes. All measures of accuracy are taken by it. Of equal scores the first is the
// greatest. In the zero value score i is that of class i, and scores tell by themselves whether they are probabilities
// (vision.IsDistribution).
type Tally struct {
	// Logits says that scores are what a softmax makes probabilities of, whatever they look like.
	Logits bool
	// Columns is which score is that of each class; nil: class i has score i.
	Columns []int
	// Classes is how many classes Confusion is counted for; 0: it is not counted.
	Classes int
	// Keep is how many images Worst tells.
	Keep int

	Images     int     // that were counted
	Top1, Top5 int     // of these, whose class has the greatest score, or one of the five greatest
	Loss       float64 // the sum of -log of the probability of each image's class
	// Infinite is how many images have an infinite loss, which counts as that of a probability of 1e-38, or an infinite score
	// that is the greatest.
	Infinite  int
	Unnamed   int     // images without a class, which are not counted
	Confusion [][]int // by class, and by the class that was predicted; a last column is for scores that are of no class

	worst   []WorstImage
	classes map[int]int // the class of each column
}

// WorstImage is an image whose class has a low probability.
type WorstImage struct {
	Image, Class int     // numbers in the data set
	Probability  float64 // of its class
	Predicted    int     // the column of the greatest score
	Confidence   float64 // its probability
}

// leastProbability is what a smaller probability counts as.
const leastProbability = 1e-38

// Rows is scores as float32 with a row for each of n images.
func Rows(scores *tensor.Tensor, n int) (*tensor.Tensor, error) {
	if modelinfo.Floating(scores.DType()) && scores.Rank() > 0 && scores.Dim(0) == n && scores.Len() > 0 {
		return scores.ToFloat32().Reshaped(n, scores.Len()/n), nil
	}
	return nil, fmt.Errorf("%v has no row of scores for each of %d images", scores, n)
}

// Add counts the images of a batch by their Rows. Scores that are not numbers are a *modelinfo.NaNError, whose Output the
// caller knows.
func (t *Tally) Add(rows *tensor.Tensor, b *vision.Batch) error {
	data, width, loss := tensor.Data[float32](rows), rows.Dim(1), 0.0
	defer func() { t.Loss += loss }()
	for i, class := range b.Classes {
		image := -1
		if i < len(b.Images) {
			image = b.Images[i]
		}
		if class < 0 {
			if image >= 0 {
				t.Unnamed++
			}
			continue
		}
		row := data[i*width : (i+1)*width]
		column := t.column(class)
		if column >= width {
			return fmt.Errorf("%d scores, none of class %d", width, class)
		}
		if slices.ContainsFunc(row, func(v float32) bool { return v != v }) {
			e := &modelinfo.NaNError{}
			if i < len(b.Names) {
				e.Image = b.Names[i]
			}
			return e
		}
		loss += t.count(row, image, class, column)
	}
	return nil
}

// column is which score is that of a class.
func (t *Tally) column(class int) int {
	if t.Columns == nil {
		return class
	}
	return t.Columns[class]
}

// count counts an image, and returns its loss.
func (t *Tally) count(row []float32, image, class, column int) (loss float64) {
	w := WorstImage{Image: image, Class: class, Predicted: argmax(row)}
	w.Probability, w.Confidence, loss = t.probabilities(row, column, w.Predicted)
	if math.IsInf(float64(row[w.Predicted]), 0) || math.IsInf(loss, 0) {
		t.Infinite++
		loss = min(loss, -math.Log(leastProbability))
	}
	t.Images++
	switch place := rank(row, column); {
	case place == 0:
		t.Top1++
		fallthrough
	case place < 5:
		t.Top5++
	}
	t.confuse(class, w.Predicted)
	if t.Keep > 0 {
		if t.worst = append(t.worst, w); len(t.worst) >= 4*t.Keep {
			t.Worst()
		}
	}
	return loss
}

// probabilities is those of two columns of a row, and the loss by the first.
func (t *Tally) probabilities(row []float32, column, top int) (p, best, loss float64) {
	greatest := float64(row[top])
	switch {
	case !t.Logits && vision.IsDistribution(row):
		p = float64(row[column])
		return p, greatest, -math.Log(max(p, leastProbability))
	case math.IsInf(greatest, 0):
		all := vision.Probabilities(row)
		return all[column], all[top], -math.Log(all[column])
	}
	total := 0.0
	for _, v := range row {
		total += math.Exp(float64(v) - greatest)
	}
	return math.Exp(float64(row[column])-greatest) / total, 1 / total, greatest + math.Log(total) - float64(row[column])
}

// confuse counts an image of a class that a column was predicted for.
func (t *Tally) confuse(class, predicted int) {
	if t.Classes == 0 {
		return
	}
	if t.Confusion == nil {
		t.Confusion, t.classes = make([][]int, t.Classes), map[int]int{}
		for i := range t.Confusion {
			t.Confusion[i] = make([]int, t.Classes+1)
			t.classes[t.column(i)] = i
		}
	}
	taken, ok := t.classes[predicted]
	if !ok {
		taken = t.Classes
	}
	t.Confusion[class][taken]++
}

// Worst is the images whose classes have the least probabilities, the worst first.
func (t *Tally) Worst() []WorstImage {
	slices.SortStableFunc(t.worst, func(a, b WorstImage) int {
		return cmp.Or(cmp.Compare(a.Probability, b.Probability), cmp.Compare(b.Confidence, a.Confidence))
	})
	t.worst = t.worst[:min(len(t.worst), t.Keep)]
	return t.worst
}

// ClassTally is how well a class is told.
type ClassTally struct {
	Images    int     // of the class
	Recall    float64 // the share of them that are taken for it; 0 where there are none
	Precision float64 // the share of the images taken for it that are of it; 0 where there are none
	Elsewhere int     // of them, how many are taken for no class
}

// Class is how well a class is told, if Confusion is counted and there are images.
func (t *Tally) Class(i int) (c ClassTally) {
	taken := 0
	for _, row := range t.Confusion {
		taken += row[i]
	}
	for _, n := range t.Confusion[i] {
		c.Images += n
	}
	right := float64(t.Confusion[i][i])
	c.Recall, c.Precision = right/float64(max(1, c.Images)), right/float64(max(1, taken))
	c.Elsewhere = t.Confusion[i][t.Classes]
	return c
}

// Metrics is what was counted, as shares and means.
func (t *Tally) Metrics() Metrics {
	n := float64(max(1, t.Images))
	return Metrics{Images: t.Images, Loss: t.Loss / n, Accuracy: float64(t.Top1) / n}
}

// right counts the rows whose greatest score is that of the class.
func right(scores *tensor.Tensor, classes []int) int {
	if scores.Rank() != 2 || scores.Dim(0) < len(classes) {
		return 0
	}
	data, width, n := tensor.Data[float32](scores), scores.Dim(1), 0
	for i, c := range classes {
		if c >= 0 && rank(data[i*width:(i+1)*width], c) == 0 {
			n++
		}
	}
	return n
}

// rank is how many scores come before that of a column: greater ones, and equal ones to the left of it.
func rank(row []float32, column int) int {
	n := 0
	for j, v := range row {
		if v > row[column] || v == row[column] && j < column {
			n++
		}
	}
	return n
}

func argmax(row []float32) int {
	best := 0
	for i, v := range row {
		if v > row[best] {
			best = i
		}
	}
	return best
}
