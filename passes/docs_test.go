package passes

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// docs/passes.md lists the table and its constraints as they are.
func TestDocs(t *testing.T) {
	var want strings.Builder
	want.WriteString("| pass | kind | does |\n|---|---|---|\n")
	for _, p := range Table() {
		fmt.Fprintf(&want, "| `%s` | %v | %s |\n", p.Name, p.Kind, p.Doc)
	}
	want.WriteString("\n| pass | before | because |\n|---|---|---|\n")
	for _, c := range constraints() {
		fmt.Fprintf(&want, "| `%s` | `%s` | %s |\n", c.before, c.after, c.reason)
	}
	doc, err := os.ReadFile("../docs/passes.md")
	require.NoError(t, err)
	for line := range strings.Lines(want.String()) {
		require.Contains(t, string(doc), line)
	}
}
