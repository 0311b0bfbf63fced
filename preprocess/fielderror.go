package preprocess

import (
	"errors"
	"fmt"
)

// FieldError is a mistake in one field of a configuration. Path leads to it from the value that was checked
// ("clip.quantiles[1]"), so that the reader of the job file can point at line and column; "" is the value itself.
type FieldError struct{ Path, Msg string }

func (e *FieldError) Error() string {
	if e.Path == "" {
		return e.Msg
	}
	return e.Path + ": " + e.Msg
}

// Field returns the path of the field and what is wrong with it.
func (e *FieldError) Field() (path, msg string) { return e.Path, e.Msg }

// fieldErrorf makes a FieldError.
func fieldErrorf(path, format string, args ...any) *FieldError {
	return &FieldError{path, fmt.Sprintf(format, args...)}
}

// below puts a prefix before the paths of an error's fields; other errors become errors of the prefix itself.
func below(prefix string, err error) []error {
	if err == nil {
		return nil
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		var out []error
		for _, e := range many.Unwrap() {
			out = append(out, below(prefix, e)...)
		}
		return out
	}
	fe, ok := err.(interface{ Field() (path, msg string) })
	if !ok {
		return []error{&FieldError{prefix, err.Error()}}
	}
	path, msg := fe.Field()
	switch {
	case path == "":
		path = prefix
	case path[0] != '[' && prefix != "":
		path = prefix + "." + path
	default:
		path = prefix + path
	}
	return []error{&FieldError{path, msg}}
}

func joinBelow(prefix string, err error) error { return errors.Join(below(prefix, err)...) }
