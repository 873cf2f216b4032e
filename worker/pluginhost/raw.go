package pluginhost

import pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"

// Raw is the service of the plugin itself, for who speaks the wire his own way, and what turns an error of one of its streams
// into what became of the plugin.
func (p *Process) Raw() (client pluginv1.PluginServiceClient, explain func(error) error) {
	return p.client, p.explain
}
