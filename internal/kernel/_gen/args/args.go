// Package args names the structs of package kernel that functions take, for their declarations.
package args

type (
	gradArgs    struct{}
	lrnGradArgs struct{}
	narrowArgs  struct{}
	normGrad    struct{}
	poolGrad    struct{}
	slopeArgs   struct{}
	tileArgs    struct{}
	updateArgs  struct{}
	windowArgs  struct{}
	winogradOut struct{}
)
