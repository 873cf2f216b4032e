package jobfile

import "encoding/json"

// Schema is a JSON Schema (draft 2020-12) of job files with these fields, for editors.
func Schema(fields []Field) ([]byte, error) {
	type object = map[string]any
	text := object{"type": []string{"string", "number", "boolean"}}
	texts := object{"oneOf": []any{text, object{"type": "array", "items": text}}}
	byName := object{"type": "object", "additionalProperties": texts}
	props := object{
		"plugin": object{"type": "string", "description": "a folder with a Go program, a binary, or sha256:... of one in the store; relative paths are beside this file"},
		"inputs": object{"oneOf": []any{text, texts["oneOf"].([]any)[1], byName}, "description": "paths, folders, globs and s3:// URIs; by name where the job has several inputs"},
		"args":   object{"oneOf": []any{text, texts["oneOf"].([]any)[1], byName}, "description": "of the plugin: its flags and their values, or a list of words"},
		"params": object{"type": "object", "additionalProperties": object{"type": []string{"string", "number", "boolean", "null"}},
			"description": "parameters and their defaults, for ${name} in values; null: has to be given with --set name=value"},
	}
	parameter := object{"type": "string", "pattern": `\$\{`}
	for _, f := range fields {
		p := object{}
		switch f.Kind {
		case Bool:
			p["oneOf"] = []any{object{"type": "boolean"}, parameter}
		case Int:
			p["oneOf"] = []any{object{"type": "integer"}, parameter}
		case Size:
			p["type"] = []string{"string", "integer"}
		case List:
			p["oneOf"] = []any{text, texts["oneOf"].([]any)[1], byName}
		default:
			p["type"] = []string{"string", "number"}
		}
		p["description"] = f.Usage
		props[f.Name] = p
	}
	b, err := json.MarshalIndent(object{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "a job of mrctl",
		"type": "object", "additionalProperties": false, "properties": props,
	}, "", "  ")
	return append(b, '\n'), err
}
