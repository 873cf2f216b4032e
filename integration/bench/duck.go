package main

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"

	"github.com/mrctl/mrctl/integration/bench/measure"
)

//go:embed duck.js
var duckScript string

// duckVersion is the npm package that make bench-duckdb installs.
const duckVersion = "1.5.6-r.1"

// duck adds a query by DuckDB over the lines of a file, which it sees as lines(line).
func (s *sides) duck(query, input string) {
	command, missing, err := s.k.duckQuery(query, input)
	s.add("duckdb", missing, command, err)
}

func (k *kit) duckQuery(query, input string) (command func(out string) measure.Command, missing string, err error) {
	node, missing := tool("node")
	if missing != "" {
		return nil, missing, nil
	}
	tools, err := toolsFolder()
	if err != nil {
		return nil, "", err
	}
	api := filepath.Join(tools, "duckdb-"+duckVersion, "node_modules", "@duckdb", "node-api")
	if _, err := os.Stat(api); err != nil {
		return nil, "it is not installed (make bench-duckdb)", nil
	}
	script := filepath.Join(k.scratch, "duck.js")
	if err := writeFile(script, duckScript); err != nil {
		return nil, "", err
	}
	return printing(node, []string{script, api, fmt.Sprint(k.slots), fmt.Sprint(k.memoryBytes()), filepath.Join(k.scratch, "tmp"), input, query, outArg},
		k.env()), "", nil
}

// toolsFolder is where make keeps what it builds and installs.
func toolsFolder() (string, error) {
	if dir := os.Getenv("MRCTL_TOOLS"); dir != "" {
		return dir, nil
	}
	cache, err := os.UserCacheDir()
	return filepath.Join(cache, "mrctl-tools"), err
}
