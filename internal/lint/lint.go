// Package lint holds the rules of this code base that no ready-made linter knows: which package may import which, that
// packages and what they export are described, that files stay short, that tests do not sleep. It has tests only.
package lint
