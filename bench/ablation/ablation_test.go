package main

import (
	"testing"
	"time"
)

func TestMeasure(t *testing.T) {
	c, err := measure("lenet5", 1, time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if c.model != "lenet5" || c.base <= 0 || c.none <= 0 || c.ratios["fuse-activation"] <= 0 || c.ratios["recognize-layernorm"] != 0 {
		t.Errorf("%+v", c)
	}
}

func TestMedian(t *testing.T) {
	if m := median([]float64{9, 1, 2}); m != 2 {
		t.Error(m)
	}
}
