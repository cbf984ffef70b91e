package app

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// TestRulesNameTheirTests keeps the tables of rules and threats honest: every
// test they name exists.
func TestRulesNameTheirTests(t *testing.T) {
	have, err := exec.Command("grep", "-rhoE", "--include=*_test.go", "^func (Test|Fuzz)[A-Za-z0-9]+", "../..").Output()
	if err != nil {
		t.Fatal(err)
	}
	tests := strings.Fields(strings.ReplaceAll(string(have), "func ", ""))
	known := map[string]bool{}
	for _, name := range tests {
		known[name] = true
	}
	for _, file := range []string{"docs/invariants.md", "docs/threats.md"} {
		table, err := os.ReadFile("../../" + file)
		if err != nil {
			t.Fatal(err)
		}
		named := regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9]+)`").FindAllStringSubmatch(string(table), -1)
		if len(named) == 0 {
			t.Errorf("%s names no test", file)
		}
		for _, m := range named {
			if !known[m[1]] {
				t.Errorf("%s names %s, which does not exist", file, m[1])
			}
		}
	}
}
