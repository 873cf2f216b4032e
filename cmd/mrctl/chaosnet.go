package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/mrctl/mrctl/integration/chaos"
	"github.com/mrctl/mrctl/integration/chaos/netspace"
	"github.com/mrctl/mrctl/internal/errs"
)

// spaces decides by --net and by what can be had here whether processes get networks of their own, and says which it is.
func (p *program) spaces(c *cli.Context) (bool, error) {
	var why error
	switch c.String("net") {
	case chaos.Proxies:
	case chaos.Namespaces, "auto":
		why = netspace.Check()
		if why == nil {
			fmt.Fprintln(p.stderr, "net: namespaces, one for each process")
			return true, nil
		}
		if c.String("net") == chaos.Namespaces {
			return false, next(errs.E(errs.Invalid, "chaos: --net namespaces cannot be had here", "", why), "run it as root on Linux with /dev/net/tun, or with --net proxies")
		}
	default:
		return false, errs.New(errs.Invalid, "chaos: --net is namespaces, proxies or auto, not %q", c.String("net"))
	}
	if why != nil {
		fmt.Fprintf(p.stderr, "net: proxies (namespaces cannot be had: %v)\n", why)
		return false, nil
	}
	fmt.Fprintln(p.stderr, "net: proxies")
	return false, nil
}
