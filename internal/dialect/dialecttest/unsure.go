package dialecttest

import (
	"context"
	"log/slog"
	"testing"

	"paylink/internal/core"
	"paylink/internal/core/coretest"
	"paylink/internal/method"
	"paylink/internal/method/card"
	"paylink/internal/processor"
	"paylink/internal/processor/sandbox"
)

// unsure is the sandbox, but its answers name one unit more than there can be:
// nobody knows what became of the money until a person has looked.
type unsure struct{ *sandbox.Driver }

func (d unsure) Start(ctx context.Context, o processor.Order) (processor.Outcome, error) {
	return doubted(d.Driver.Start(ctx, o))
}

func (d unsure) Capture(ctx context.Context, o processor.Order) (processor.Outcome, error) {
	return doubted(d.Driver.Capture(ctx, o))
}

func doubted(out processor.Outcome, err error) (processor.Outcome, error) {
	if out.Captured > 0 {
		out.Captured++
	}
	out.Authorized++
	return out, err
}

// newUnsure is another node of w, with that processor.
func newUnsure(t *testing.T, w *coretest.World) *core.Core {
	t.Helper()
	keys, err := core.OpenKeys(t.Context(), w.Store, make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	return core.New(core.Options{
		Store: w.Store, Keys: keys, Processors: []processor.Driver{unsure{w.Sandbox}}, Methods: []method.Method{card.Method},
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)), PublicURL: "http://pay.test", CheckURL: w.Egress.CheckURL,
	})
}
