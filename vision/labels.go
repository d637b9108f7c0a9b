package vision

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/onnxrun/onnxrun/internal/hostfile"
	"github.com/onnxrun/onnxrun/internal/plain"
)

//go:embed imagenet.txt
var imagenetText string

// ImageNetLabels is the names of the 1000 classes of ImageNet's challenge of 2012, in the usual order.
func ImageNetLabels() []string { return strings.Split(strings.TrimSpace(imagenetText), "\n") }

// DigitLabels is 0 to 9.
func DigitLabels() []string { return []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"} }

// CIFAR10Labels is the names of CIFAR-10's classes, in the usual order.
func CIFAR10Labels() []string {
	return []string{"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"}
}

// LabelsFor is the labels that a classifier of n classes most likely has, nil if that is anyone's guess. Models of 1001
// classes have "background" before those of ImageNet.
func LabelsFor(n int) []string {
	switch n {
	case 1000:
		return ImageNetLabels()
	case 1001:
		return append([]string{"background"}, ImageNetLabels()...)
	}
	return nil
}

// maxLabels bounds the size of label files.
const maxLabels = 16 << 20

// ReadLabels is ParseLabels for a file.
func ReadLabels(path string) ([]string, error) {
	text, err := hostfile.Read(path, maxLabels)
	if err != nil {
		return nil, fmt.Errorf("vision: labels: %w", err)
	}
	labels, err := ParseLabels(string(text))
	if err != nil {
		return nil, fmt.Errorf("%w (%s)", err, plain.Text(path, plain.Name))
	}
	return labels, nil
}

// synset is a line of ImageNet's own lists: "n01440764 tench, Tinca tinca".
var synset = regexp.MustCompile(`^n\d{8}\s+([^,]+)`)

// ParseLabels reads labels as a JSON array, a JSON object of numbers to labels, or one a line; of a line of ImageNet's
// list the first name counts.
func ParseLabels(text string) ([]string, error) {
	labels, err := parseLabels(text)
	if err == nil && len(labels) > maxClasses {
		err = fmt.Errorf("vision: labels: more than %d", maxClasses)
	}
	if err != nil {
		return nil, plain.Error(err)
	}
	return labels, nil
}

func parseLabels(text string) ([]string, error) {
	if len(text) > maxLabels {
		return nil, fmt.Errorf("vision: labels: more than %d bytes", maxLabels)
	}
	text = strings.TrimSpace(strings.TrimPrefix(text, "\ufeff"))
	switch {
	case text == "":
		return nil, fmt.Errorf("vision: labels: the list is empty")
	case text[0] == '[':
		var labels []string
		if err := json.Unmarshal([]byte(text), &labels); err != nil {
			return nil, fmt.Errorf("vision: labels: %w", err)
		}
		return labels, nil
	case text[0] == '{':
		return labelMap(text)
	}
	var labels []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if m := synset.FindStringSubmatch(line); m != nil {
			line = strings.TrimSpace(m[1])
		}
		labels = append(labels, line)
	}
	return labels, nil
}

// labelMap reads {"0": "tench", …}; values may be lists whose last element is the name, as in Keras' file.
func labelMap(text string) ([]string, error) {
	var byNumber map[string]any
	if err := json.Unmarshal([]byte(text), &byNumber); err != nil {
		return nil, fmt.Errorf("vision: labels: %w", err)
	}
	labels := make([]string, len(byNumber))
	for key, value := range byNumber {
		n, err := strconv.Atoi(key)
		if err != nil || n < 0 || n >= len(labels) {
			return nil, fmt.Errorf("vision: labels: key %q is not a number from 0 to %d", key, len(labels)-1)
		}
		if list, ok := value.([]any); ok && len(list) > 0 {
			value = list[len(list)-1]
		}
		name, ok := value.(string)
		if !ok {
			return nil, fmt.Errorf("vision: labels: the label of %s is not a string", key)
		}
		labels[n] = name
	}
	return labels, nil
}
