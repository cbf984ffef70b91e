package main

import (
	"encoding/json"
	"os"
)

// printJSON prints v for a machine.
func printJSON(v any) error {
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
