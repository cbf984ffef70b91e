package pinelabs

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"paylink/internal/core/coretest"
	"paylink/internal/dialect/dialecttest"
	"paylink/internal/store"
	"paylink/internal/store/storetest"
	"paylink/internal/web"
)

// TestConversations plays testdata over a real application.
func TestConversations(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no conversations", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, o store.Options) { play(t, file, o) })
		})
	}
}

func play(t *testing.T, file string, o store.Options) {
	world := coretest.New(t, o)
	d := New(world.Core, "https://pay.example").(*pinelabs)
	d.now = world.Clock.Now
	mux := web.NewMux(d.Fail)
	for _, route := range d.Routes() {
		mux.Route(route.Pattern, route.Handle)
	}
	at := world.Clock.Now().UTC()
	dialecttest.Play(t, mux, file, map[string]string{
		"client_id": coretest.PineID, "client_secret": coretest.PineSecret,
		"expire_by": at.Add(24 * time.Hour).Format("2006-01-02T15:04:05.909Z"), // .909 as it stands: no trailing zero
		"far":       at.Add(181 * 24 * time.Hour).Format(time.RFC3339),
	})
}
