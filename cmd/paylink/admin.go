package main

import (
	"fmt"

	"paylink/internal/config"
)

type migrateCmd struct{}

// Run opens the installation, which migrates it.
func (migrateCmd) Run(rt *runtime) error {
	_, done, err := rt.begin()
	if err != nil {
		return err
	}
	done()
	fmt.Fprintln(rt.out, "the schema is up to date")
	return nil
}

type provisionCmd struct {
	File string `arg:"" type:"existingfile" help:"YAML file."`
}

// Run applies the file.
func (c provisionCmd) Run(rt *runtime) error {
	a, done, err := rt.begin()
	if err != nil {
		return err
	}
	defer done()
	made, err := a.ProvisionFile(rt.ctx, c.File)
	if err != nil {
		return err
	}
	if rt.cli.JSON {
		return rt.printJSON(made)
	}
	printMade(rt.out, made)
	fmt.Fprintln(rt.out, "provisioned")
	return nil
}

type versionCmd struct{}

// Run prints the version.
func (versionCmd) Run(rt *runtime) error {
	if rt.cli.JSON {
		return rt.printJSON(map[string]string{"version": config.Version})
	}
	fmt.Fprintln(rt.out, "paylink "+config.Version)
	return nil
}
