package jobs

// The JSON Schema of job files, for editors: made from the Spec's types, their docs and the registries, so that it cannot
// fall behind them.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"howdah/eval"
	"howdah/preprocess"
	"howdah/train"
)

//go:generate go test . -run TestSchemaIsCurrent -update

// Schema returns the JSON Schema (2020-12) of job files. An editor with a YAML language server completes and checks keys,
// names and types by it; what depends on the data or on several keys at once is left to howdah validate.
func Schema() []byte { return bytes.Clone(schemaBytes()) }

var schemaBytes = sync.OnceValue(func() []byte {
	s := schemaOf(reflect.TypeFor[Spec](), "")
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["title"] = "Howdah job file"
	s["required"] = []string{"name", "data", "columns"}
	props := s["properties"].(object)
	props["version"].(object)["const"] = 1
	props["data"].(object)["oneOf"] = []any{object{"required": []string{"path"}}, object{"required": []string{"sources"}}}
	props["columns"].(object)["minProperties"] = 1
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(s); err != nil {
		panic("jobs: the schema cannot be written: " + err.Error())
	}
	return buf.Bytes()
})

type object = map[string]any

// enums lists the names that a key may have, by its path; [] stands for any item and * for any key.
func enums(path string) []string {
	switch path {
	case "columns.*.role":
		return Roles
	case "columns.*.type":
		return []string{"binary", "multiclass", "regression"}
	case "data.bad_shards":
		return []string{"fail", "skip"}
	case "data.types.*":
		return []string{"string"}
	case "split.method":
		return preprocess.SplitMethods()
	case "split.unit":
		return []string{"day", "hour", "minute"}
	case "selection[].method":
		return preprocess.SelectMethods()
	case "features[].date_parts[]":
		var names []string
		for _, d := range preprocess.DateParts() {
			names = append(names, d.Name)
		}
		return names
	case "features[].quantiles":
		return []string{"sketch", "exact"}
	case "features[].infinite":
		return []string{"error", "missing"}
	case "model.type":
		return train.ModelTypes
	case "model.activation":
		return train.Activations
	case "loss.type":
		return train.LossTypes
	case "optimizer.type":
		return train.OptimizerTypes
	case "optimizer.schedule.type":
		return train.ScheduleTypes
	case "optimizer.schedule.mode", "train.early_stopping.mode":
		return []string{"auto", "min", "max"}
	case "evaluate.metrics[]":
		return eval.MetricNames()
	case "runtime.kernel":
		return []string{"fma", "portable"}
	}
	return nil
}

// schemaOf makes the schema of the values that a Go type is decoded from.
func schemaOf(t reflect.Type, path string) object {
	if t.Kind() == reflect.Pointer {
		return schemaOf(t.Elem(), path)
	}
	switch t {
	case reflect.TypeFor[time.Duration]():
		return object{"type": "string", "pattern": `^(-?[0-9]+d|-?([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+|0)$`}
	case reflect.TypeFor[preprocess.Choice]():
		return choiceSchema(preprocess.Slot(path[strings.LastIndexByte(path, '.')+1:]))
	case reflect.TypeFor[preprocess.Choices]():
		one := choiceSchema(preprocess.Slot(path[strings.LastIndexByte(path, '.')+1:]))
		return object{"oneOf": []any{one, object{"type": "array", "items": one}}}
	case reflect.TypeFor[preprocess.Selector]():
		return object{"oneOf": []any{
			object{"type": "string", "description": "one column"},
			object{"type": "array", "items": object{"type": "string"}, "uniqueItems": true, "description": "columns by name"},
			structSchema(t, path),
		}}
	case reflect.TypeFor[preprocess.SplitValues]():
		scalar := []string{"string", "number", "boolean"}
		s := structSchema(t, path)
		for _, p := range s["properties"].(object) {
			p := p.(object)
			delete(p, "items")
			delete(p, "type")
			p["oneOf"] = []any{object{"type": scalar}, object{"type": "array", "items": object{"type": scalar}}}
		}
		return s
	case reflect.TypeFor[train.ModelConfig](), reflect.TypeFor[train.LossConfig](), reflect.TypeFor[train.OptimizerConfig](), reflect.TypeFor[train.ScheduleConfig]():
		return object{"oneOf": []any{object{"type": "string", "enum": enums(path + ".type")}, structSchema(t, path)}}
	case reflect.TypeFor[train.ClassWeights]():
		return object{"oneOf": []any{
			object{"const": "balanced"},
			object{"type": "object", "additionalProperties": object{"type": "number", "minimum": 0}},
		}}
	}
	switch t.Kind() {
	case reflect.Struct:
		return structSchema(t, path)
	case reflect.Map:
		if t.Elem().Kind() == reflect.Interface {
			return object{"type": "object"}
		}
		return object{"type": "object", "additionalProperties": schemaOf(t.Elem(), path+".*")}
	case reflect.Slice:
		return object{"type": "array", "items": schemaOf(t.Elem(), path+"[]")}
	case reflect.String:
		s := object{"type": "string"}
		if names := enums(path); names != nil {
			s["enum"] = names
		}
		if path == "name" {
			s["pattern"] = nameRE.String()
		}
		return s
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return object{"type": "integer"}
	case reflect.Uint64:
		return object{"type": "integer", "minimum": 0}
	case reflect.Float64:
		return object{"type": "number"}
	}
	panic(fmt.Sprintf("jobs: %s has type %v, for which there is no schema", path, t))
}

// structSchema is an object with the keys of a struct and no others.
func structSchema(t reflect.Type, path string) object {
	props := object{}
	for i := range t.NumField() {
		f := t.Field(i)
		key := f.Tag.Get("yaml")
		if key == "" || key == "-" {
			continue
		}
		at := key
		if path != "" {
			at = path + "." + key
		}
		p := schemaOf(f.Type, at)
		if doc := f.Tag.Get("doc"); doc != "" {
			p["description"] = doc
		}
		props[key] = p
	}
	return object{"type": "object", "properties": props, "additionalProperties": false}
}

// choiceSchema is a kind of a slot by its name, or a mapping of the name to its options.
func choiceSchema(slot preprocess.Slot) object {
	var forms []any
	for _, d := range preprocess.Kinds() {
		if d.Slot != slot {
			continue
		}
		options := object{}
		for _, o := range d.Options {
			options[o.Name] = optionSchema(o)
		}
		of := object{"type": "object", "properties": options, "additionalProperties": false}
		if slot == preprocess.SlotClip { // its one kind is not named
			return of
		}
		if !slices.ContainsFunc(d.Options, func(o preprocess.OptionDoc) bool { return o.Name == d.Short }) {
			forms = append(forms, choiceForms(d, of)...)
			continue
		}
		short := optionSchema(preprocess.OptionDoc{Type: d.Options[slices.IndexFunc(d.Options, func(o preprocess.OptionDoc) bool { return o.Name == d.Short })].Type})
		forms = append(forms, choiceForms(d, object{"anyOf": []any{of, short}})...)
	}
	return object{"oneOf": forms}
}

func choiceForms(d preprocess.Doc, options object) []any {
	return []any{
		object{"const": d.Name, "description": d.Doc},
		object{"type": "object", "properties": object{d.Name: options}, "required": []string{d.Name}, "additionalProperties": false, "description": d.Doc},
	}
}

func optionSchema(o preprocess.OptionDoc) object {
	s := object{}
	switch o.Type {
	case "text":
		s["type"] = "string"
	case "boolean":
		s["type"] = "boolean"
	case "integer":
		s["type"] = "integer"
	case "number":
		s["type"] = "number"
	case "list":
		s["type"] = "array"
	}
	if o.Doc != "" {
		s["description"] = o.Doc
		if o.Default != "" {
			s["description"] = o.Doc + " (default " + o.Default + ")"
		}
	}
	return s
}
