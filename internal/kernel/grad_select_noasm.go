//go:build !amd64 || noasm

package kernel

func gradTile(_ Impl, a *gradArgs)      { gradTileGeneric(a) }
func gradDepthwise(_ Impl, a *gradArgs) { gradDepthwiseGeneric(a) }
