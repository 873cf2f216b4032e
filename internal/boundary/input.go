package boundary

import pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"

// InputOf is input n of a stage, counted from 0. Where the inputs have no names there is one, whose name is "".
func InputOf(s *pluginv1.Stage, n int) *pluginv1.Input {
	if len(s.GetInputs()) == 0 {
		return &pluginv1.Input{InputSchema: s.GetInputSchema(), InputKind: s.GetInputKind(), RawLines: s.GetRawLines()}
	}
	if n < 0 || n >= len(s.GetInputs()) {
		return nil
	}
	return s.GetInputs()[n]
}
