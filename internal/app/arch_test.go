package app

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// mayImport is who may import whom (DECISIONS 20); a trailing /* stands for
// the members of a family. What is not listed here does not exist yet.
var mayImport = map[string][]string{
	"pay":         {},
	"processor":   {"pay"},
	"method":      {"pay"},
	"dialect":     {"pay"},
	"auth":        {"pay"},
	"config":      {"pay"},
	"egress":      {"pay"},
	"web":         {"pay"},
	"page":        {"pay"},
	"store":       {"pay", "processor"}, // processor: the sandbox's journal is kept here
	"jobs":        {"store", "pay"},
	"core":        {"store", "jobs", "auth", "processor", "method", "pay"},
	"api":         {"core", "dialect", "pay", "web", "page"},
	"checkout":    {"core", "dialect", "method", "pay", "web", "page"},
	"webhook":     {"core", "dialect", "egress", "jobs", "config", "pay"},
	"dialect/*":   {"core", "dialect", "pay", "web"},
	"processor/*": {"egress", "processor", "pay"},
	"method/*":    {"method", "pay"},
	"app":         {"*"},
	"cmd":         {"app", "config", "core", "pay", "webhook"},
	// Programs and helpers of development; nothing of the product imports them.
	"bench": {"*"},
	"crash": {"*"},
}

// forTests are packages that only tests import.
func forTests(pkg string) bool { return strings.HasSuffix(path.Base(pkg), "test") }

func rule(pkg string) (allowed []string, ok bool) {
	if allowed, ok = mayImport[pkg]; ok {
		return allowed, true
	}
	family, _, found := strings.Cut(pkg, "/")
	if !found {
		return nil, false
	}
	allowed, ok = mayImport[family+"/*"]
	return allowed, ok
}

func TestArchitecture(t *testing.T) {
	root := filepath.Join("..", "..")
	documented := map[string]bool{}
	seen := map[string]bool{}
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".." || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, filepath.Dir(file))
		if err != nil {
			return err
		}
		pkg := strings.TrimPrefix(filepath.ToSlash(rel), "internal/")
		pkg, _, _ = strings.Cut(pkg+"@", "@")
		if strings.HasPrefix(pkg, "cmd/") {
			pkg = "cmd"
		}
		seen[pkg] = true
		documented[pkg] = documented[pkg] || f.Doc != nil
		if forTests(pkg) {
			return nil
		}
		allowed, ok := rule(pkg)
		if !ok {
			t.Errorf("%s: the package has no row in mayImport", pkg)
		}
		for _, spec := range f.Imports {
			name, _ := strconv.Unquote(spec.Path.Value)
			to, ours := strings.CutPrefix(name, "paylink/internal/")
			if ours && !permits(allowed, to) {
				t.Errorf("%s imports %s", strings.TrimPrefix(file, root+string(os.PathSeparator)), to)
			}
			if pkg == "pay" && strings.Contains(strings.SplitN(name, "/", 2)[0], ".") {
				t.Errorf("pay imports %s: it is pure", name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range seen {
		if !documented[pkg] {
			t.Errorf("%s has no package comment", pkg)
		}
	}
}

func permits(allowed []string, to string) bool {
	for _, a := range allowed {
		if a == "*" && !forTests(to) || a == to {
			return true
		}
	}
	return false
}
