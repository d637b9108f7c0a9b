// Command mca computes how near the inner loop of the arm64 tile comes to what the multiply-add pipes of a processor can
// do, by llvm-mca, the newest that the system has. It assembles tile_arm64.s, cuts the loop out of what the disassembler
// makes of the object, and models it as a whole and its multiply-adds alone, which is the limit. It fails where the share
// is less than -least.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

const (
	source   = "../tile_arm64.s"
	loop     = "four6" // its label: four input channels of six pixels
	flopsFMA = 8       // four lanes
)

// core is a processor of which LLVM has a model since the version given.
type core struct {
	name  string
	since int
	note  string
}

// cores are those that must reach the share.
var cores = []core{
	{"cortex-a57", 14, "of LLVM's A72 to A78 too"},
	{"apple-a14", 14, "the model is that of Cyclone, with three pipes where the M1 has four"},
	{"neoverse-n1", 19, "Graviton 2, Ampere Altra"},
	{"neoverse-n2", 19, "Cobalt 100"},
	{"neoverse-v1", 19, "Graviton 3"},
	{"neoverse-v2", 19, "Graviton 4, Grace"},
	{"ampere1b", 19, "AmpereOne"},
	{"oryon-1", 22, "Snapdragon X"},
	{"tsv110", 19, "Kunpeng 920"},
	{"cortex-a510", 19, "in order"},
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("mca: ")
	least := flag.Float64("least", 0.8, "the share that every core must reach")
	given := flag.String("mca", "", "the path of llvm-mca; the newest if empty")
	others := flag.String("cpu", "", "other cores than those that must reach it, by LLVM's names, separated by commas")
	flag.Parse()
	list := cores
	if *others != "" {
		list = nil
		for _, name := range strings.Split(*others, ",") {
			list = append(list, core{name: name})
		}
	}
	tool, version := newest(*given)
	body := cut()
	var products []string
	for _, line := range body {
		if strings.HasPrefix(line, "fmla") {
			products = append(products, line)
		}
	}
	flops := float64(flopsFMA * len(products))
	fmt.Printf("%s of %s: %d instructions, %d of them multiply-adds; computed by LLVM %d, not measured\n\n",
		loop, filepath.Base(source), len(body), len(products), version)
	fmt.Printf("%-12s %10s %11s %10s %6s\n", "core", "cycles", "FLOP/cycle", "limit", "share")
	low := 0
	for _, c := range list {
		if version < c.since {
			fmt.Printf("%-12s needs LLVM %d\n", c.name, c.since)
			continue
		}
		cycles, best := model(tool, c.name, body), model(tool, c.name, products)
		fmt.Printf("%-12s %10.1f %11.1f %10.1f %5.0f%%  %s\n", c.name, cycles, flops/cycles, flops/best, 100*best/cycles, c.note)
		if best/cycles < *least {
			low++
		}
	}
	if low > 0 {
		log.Fatalf("%d below %.0f%%", low, 100**least)
	}
}

// newest is the path and version of llvm-mca, of the one that is given if there is one.
func newest(given string) (string, int) {
	paths, _ := filepath.Glob("/usr/bin/llvm-mca*")
	if p, err := exec.LookPath("llvm-mca"); err == nil {
		paths = append(paths, p)
	}
	if given != "" {
		paths = []string{given}
	}
	best, version := "", 0
	for _, p := range paths {
		out, _ := exec.Command(p, "--version").Output()
		if m := regexp.MustCompile(`version (\d+)`).FindSubmatch(out); m != nil {
			if v, _ := strconv.Atoi(string(m[1])); v > version {
				best, version = p, v
			}
		}
	}
	if best == "" {
		log.Fatal("llvm-mca is not installed")
	}
	return best, version
}

// cut returns the instructions of the loop as the disassembler writes them.
func cut() []string {
	text, err := os.ReadFile(source)
	check(err)
	from, to := 0, 0
	for i, line := range strings.Split(string(text), "\n") {
		switch {
		case line == loop+":":
			from = i + 2 // lines count from 1, and the label has no code
		case to == 0 && from > 0 && strings.HasSuffix(line, " "+loop):
			to = i + 1
		}
	}
	dir, err := os.MkdirTemp("", "mca")
	check(err)
	defer os.RemoveAll(dir)
	object := filepath.Join(dir, "tile.o")
	root := strings.TrimSpace(string(run("", "go", "env", "GOROOT")))
	run("", "go", "tool", "asm", "-p", "kernel", "-I", filepath.Join(root, "pkg", "include"), "-o", object, source)
	var body []string
	scan := bufio.NewScanner(bytes.NewReader(run("", "go", "tool", "objdump", "-gnu", object)))
	place := regexp.MustCompile(`^\s*tile_arm64\.s:(\d+)\s.*// (.*?)\s*$`)
	for scan.Scan() {
		if m := place.FindStringSubmatch(scan.Text()); m != nil {
			if n, _ := strconv.Atoi(m[1]); from <= n && n <= to {
				body = append(body, m[2])
			}
		}
	}
	if len(body) == 0 || !strings.HasPrefix(body[len(body)-1], "b.") || len(body) != to-from+1 {
		log.Fatalf("loop %s: lines %d to %d of %s, %d instructions", loop, from, to, source, len(body))
	}
	body[len(body)-1] = strings.Fields(body[len(body)-1])[0] + " 0" // LLVM reads targets otherwise
	return body
}

// model is the number of cycles of one round, when many follow each other.
func model(tool, core string, body []string) float64 {
	const rounds = 1000
	out := run(strings.Join(body, "\n"), tool, "-march=aarch64", "-mcpu="+core, fmt.Sprint("-iterations=", rounds))
	m := regexp.MustCompile(`Total Cycles: +(\d+)`).FindSubmatch(out)
	if m == nil {
		log.Fatalf("%s: no cycles in what llvm-mca prints", core)
	}
	n, err := strconv.Atoi(string(m[1]))
	check(err)
	return float64(n) / rounds
}

// run returns what a command prints.
func run(input, name string, args ...string) []byte {
	c := exec.Command(name, args...)
	c.Env = append(os.Environ(), "GOOS=linux", "GOARCH=arm64")
	c.Stdin = strings.NewReader(input)
	out, err := c.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		log.Fatalf("%s: %v\n%s", name, err, exit.Stderr)
	}
	check(err)
	return out
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
