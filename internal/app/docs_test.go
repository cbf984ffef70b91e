package app

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// TestRulesNameTheirTests keeps the table of rules honest: every test it names exists.
func TestRulesNameTheirTests(t *testing.T) {
	table, err := os.ReadFile("../../docs/invariants.md")
	if err != nil {
		t.Fatal(err)
	}
	have, err := exec.Command("grep", "-rhoE", "--include=*_test.go", "^func (Test|Fuzz)[A-Za-z0-9]+", "../..").Output()
	if err != nil {
		t.Fatal(err)
	}
	tests := strings.Fields(strings.ReplaceAll(string(have), "func ", ""))
	known := map[string]bool{}
	for _, name := range tests {
		known[name] = true
	}
	named := regexp.MustCompile("`(Test[A-Za-z0-9]+)`").FindAllStringSubmatch(string(table), -1)
	if len(named) == 0 {
		t.Fatal("the table names no test")
	}
	for _, m := range named {
		if !known[m[1]] {
			t.Errorf("docs/invariants.md names %s, which does not exist", m[1])
		}
	}
}
