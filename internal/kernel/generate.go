package kernel

// The assembly is generated: one folder of _gen, a module of its own, for each *_amd64.s.

//go:generate go run -C _gen ./tile -out ../tile_amd64.s -stubs ../tile_amd64.go -pkg kernel
//go:generate go run -C _gen ./winograd -out ../winograd_amd64.s -stubs ../winograd_amd64.go -pkg kernel
//go:generate go run -C _gen ./limits -out ../limits_amd64.s -stubs ../limits_amd64.go -pkg kernel
//go:generate go run -C _gen ./dot -out ../dot_amd64.s -stubs ../dot_amd64.go -pkg kernel
//go:generate go run -C _gen ./window -out ../window_amd64.s -stubs ../window_amd64.go -pkg kernel
//go:generate go run -C _gen ./vmath -out ../vmath_amd64.s -stubs ../vmath_amd64.go -pkg kernel
//go:generate go run -C _gen ./transpose -out ../transpose_amd64.s -stubs ../transpose_amd64.go -pkg kernel
//go:generate go run -C _gen ./norm -out ../norm_amd64.s -stubs ../norm_amd64.go -pkg kernel
//go:generate go run -C _gen ./narrow -out ../narrow_amd64.s -stubs ../narrow_amd64.go -pkg kernel
//go:generate go run -C _gen ./grad -out ../grad_amd64.s -stubs ../grad_amd64.go -pkg kernel
//go:generate go run -C _gen ./train -out ../train_amd64.s -stubs ../train_amd64.go -pkg kernel
//go:generate go run -C _gen ./update -out ../update_amd64.s -stubs ../update_amd64.go -pkg kernel
//go:generate go run -C _gen ./back -out ../back_amd64.s -stubs ../back_amd64.go -pkg kernel
