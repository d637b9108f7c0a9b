package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"runtime"
	"strings"
)

// report is all that was measured in one run.
type report struct {
	Date       string         `json:"date"`
	CPU        string         `json:"cpu"`
	Kernels    string         `json:"kernels"`
	ORTVersion string         `json:"ort_version"`
	Limits     []threadLimits `json:"limits"`
	Results    []result       `json:"results"`
}

// threadLimits is what the machine can do with a number of threads.
type threadLimits struct {
	Threads int     `json:"threads"`
	GFLOPS  float64 `json:"gflops"`
	GBS     float64 `json:"gbs"`
}

// maxError is the greatest relative difference of outputs that is no disagreement.
const maxError = 1e-3

func (r *report) disagreement() error {
	for _, x := range r.Results {
		if !(x.Error <= maxError) {
			return fmt.Errorf("%s: outputs differ by %.2g of the greatest", x.Model, x.Error)
		}
	}
	return nil
}

func (r *report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s; onnxrun with %s, ONNX Runtime %s", r.CPU, r.Date, r.Kernels, r.ORTVersion)
	for _, l := range r.Limits {
		fmt.Fprintf(&b, "; limits with %d threads %.0f GFLOP/s, %.0f GB/s", l.Threads, l.GFLOPS, l.GBS)
	}
	b.WriteString(".\n\n| model | threads | onnxrun ms (min) | ONNX Runtime ms (min) | ratio (of minima) | share of limit | difference |\n|---|--:|--:|--:|--:|--:|--:|\n")
	sums, counts := map[int]float64{}, map[int]float64{}
	var order []int
	for _, x := range r.Results {
		fmt.Fprintf(&b, "| %s | %d | %.4g (%.4g) | %.4g (%.4g) | **%.2f** (%.2f) | %.0f %% | %.1e |\n",
			x.Model, x.Threads, x.Ours, x.OursMin, x.ORT, x.ORTMin, x.Ratio, x.RatioMin, 100*x.Limit/x.Ours, x.Error)
		if counts[x.Threads] == 0 {
			order = append(order, x.Threads)
		}
		sums[x.Threads] += math.Log(x.Ratio)
		counts[x.Threads]++
	}
	b.WriteString("\n")
	for _, t := range order {
		fmt.Fprintf(&b, "Geometric mean of the ratios with %d threads: **%.3f**.\n", t, math.Exp(sums[t]/counts[t]))
	}
	for _, x := range r.Results {
		if len(x.Slowest) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n%s with %d threads is above %.2f; its slowest layers:", x.Model, x.Threads, goal)
		for i, l := range x.Slowest {
			fmt.Fprintf(&b, "%s %s (%s) with %.1f %% of the time, at %.0f %% of the limit", []string{"", ",", ","}[i], l.Name, l.Algorithm, 100*l.Share, 100*l.Limit)
		}
		b.WriteString(".\n")
	}
	return b.String()
}

func (r *report) write(jsonFile, mdFile string) error {
	if jsonFile != "" {
		data, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(jsonFile, append(data, '\n'), 0o644); err != nil {
			return err
		}
	}
	if mdFile != "" {
		file, section, _ := strings.Cut(mdFile, "#")
		text := r.markdown()
		if section != "" {
			var err error
			if text, err = withSection(file, section, text); err != nil {
				return err
			}
		}
		return os.WriteFile(file, []byte(text), 0o644)
	}
	return nil
}

// withSection is a file's text with something else in its section of that name.
func withSection(file, name, text string) (string, error) {
	old, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	mark := "<!-- " + name + " -->\n"
	before, rest, found := strings.Cut(string(old), mark)
	_, after, ended := strings.Cut(rest, "<!-- end -->")
	if !found || !ended {
		return "", fmt.Errorf("%s has no section <!-- %s --> … <!-- end -->", file, name)
	}
	return before + mark + text + "<!-- end -->" + after, nil
}

// processor names the machine's processor.
func processor() string {
	info, _ := os.ReadFile("/proc/cpuinfo")
	for _, line := range strings.Split(string(info), "\n") {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			return fmt.Sprintf("%s, %d cores", strings.TrimSpace(value), runtime.NumCPU())
		}
	}
	return runtime.GOARCH
}
