//go:build !linux

package local

// networkFS cannot tell here; a store on a network file system is the user's own risk.
func networkFS(string) (string, error) { return "", nil }
