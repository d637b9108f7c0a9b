package kernel

// The assembly is generated: one folder of _gen, a module of its own, for each *_amd64.s and *_arm64.s.

//go:generate go run -C _gen ./tile -out ../tile_amd64.s -stubs ../tile_amd64.go -pkg kernel
//go:generate go run -C _gen ./winograd -out ../winograd_amd64.s -stubs ../winograd_amd64.go -pkg kernel
//go:generate go run -C _gen ./limits -out ../limits_amd64.s -stubs ../limits_amd64.go -pkg kernel
//go:generate go run -C _gen ./dot -out ../dot_amd64.s -stubs ../dot_amd64.go -pkg kernel
//go:generate go run -C _gen ./slide -out ../slide_amd64.s -stubs ../slide_amd64.go -pkg kernel
//go:generate go run -C _gen ./vmath -out ../vmath_amd64.s -stubs ../vmath_amd64.go -pkg kernel
//go:generate go run -C _gen ./transpose -out ../transpose_amd64.s -stubs ../transpose_amd64.go -pkg kernel
//go:generate go run -C _gen ./norm_blocked -out ../norm_blocked_amd64.s -stubs ../norm_blocked_amd64.go -pkg kernel
//go:generate go run -C _gen ./narrow -out ../narrow_amd64.s -stubs ../narrow_amd64.go -pkg kernel
//go:generate go run -C _gen ./grad -out ../grad_amd64.s -stubs ../grad_amd64.go -pkg kernel
//go:generate go run -C _gen ./gradients -out ../gradients_amd64.s -stubs ../gradients_amd64.go -pkg kernel
//go:generate go run -C _gen ./update -out ../update_amd64.s -stubs ../update_amd64.go -pkg kernel

//go:generate go run -C _gen ./tile_arm64 -out ../tile_arm64.s -stubs ../tile_arm64.go
//go:generate go run -C _gen ./dot_arm64 -out ../dot_arm64.s -stubs ../dot_arm64.go
//go:generate go run -C _gen ./limits_arm64 -out ../limits_arm64.s -stubs ../limits_arm64.go
