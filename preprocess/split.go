package preprocess

// Splitting: which rows train, which steer the training (validation) and which are kept unseen until evaluation (test).
// This file is the configuration and its compilation; split_fit.go the pass that some methods need and its sketch,
// split_assign.go the fitted split, split_id.go the identity of rows.

import (
	"errors"
	"fmt"
	"math"
	"sort"
	"strconv"

	"howdah/internal/table"
)

// The sides of a split, as Assign writes them.
const (
	SideTrain uint8 = iota
	SideValidation
	SideTest
	splitSides
)

// SideNames are the names of the sides, by number.
var SideNames = [splitSides]string{"train", "validation", "test"}

// The split methods.
const (
	splitHash       = "hash"
	splitRandom     = "random"
	splitStratified = "stratified"
	splitTime       = "time"
	splitColumn     = "column"
)

// SplitMethods lists the methods in the order of the documentation.
func SplitMethods() []string {
	return []string{splitHash, splitRandom, splitStratified, splitTime, splitColumn}
}

// Split is the split of a job file.
//
//   - hash (default): by a hash of the row's identity and Seed; with Group by a hash of the group's value instead, so that
//     a group's rows stay together. The side of a row depends on nothing else: new data move no row.
//   - random: by a hash of the row's place (file and row number), whatever its id.
//   - stratified: as hash, but each class of the label is cut in the given fractions, by borders of its own over the
//     hashes of its rows. Borders move a little as a class grows; only rows whose hash lies between an old border and its new
//     place change sides.
//   - time: the oldest rows train, the newest test. Borders fall between units of time (days, unless Unit says hour or
//     minute; distinct values of an integer column), so that equal times share a side; they follow the data.
//   - column: by the values of a column.
type Split struct {
	Method    string      `yaml:"method" json:"method" doc:"hash, random, stratified, time or column"`
	Fractions Fractions   `yaml:"fractions" json:"fractions" doc:"shares of rows; they add up to 1"`
	Seed      uint64      `yaml:"seed" json:"seed" doc:"hash, random, stratified: another seed is another split"`
	Group     string      `yaml:"group" json:"group,omitempty" doc:"hash: rows with equal values of this column stay on one side"`
	Column    string      `yaml:"column" json:"column,omitempty" doc:"time: the column of times (default: the one with role time); column: the one that names the side"`
	Unit      string      `yaml:"unit" json:"unit,omitempty" doc:"time: day, hour or minute"`
	Values    SplitValues `yaml:"values" json:"values,omitzero" doc:"column: which values mean which side (default: train, validation, test)"`
}

// Fractions are the shares of the sides.
type Fractions struct {
	Train      float64 `yaml:"train" json:"train" doc:"share of training rows"`
	Validation float64 `yaml:"validation" json:"validation" doc:"share of validation rows; may be 0"`
	Test       float64 `yaml:"test" json:"test" doc:"share of test rows; may be 0"`
}

func (f Fractions) list() [splitSides]float64 {
	return [splitSides]float64{f.Train, f.Validation, f.Test}
}

// SplitValues are the values of a column that mean each side. Numbers and truth values are written as text.
type SplitValues struct {
	Train      []string `yaml:"train" json:"train,omitempty" doc:"values of training rows"`
	Validation []string `yaml:"validation" json:"validation,omitempty" doc:"values of validation rows"`
	Test       []string `yaml:"test" json:"test,omitempty" doc:"values of test rows"`
}

// UnmarshalJob reads the values as written in a job file: lists of, or single, texts, numbers and truth values.
func (v *SplitValues) UnmarshalJob(x any) error {
	m, ok := x.(map[string]any)
	if !ok {
		return errors.New("want a mapping with train, validation, test")
	}
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	var errs []error
	var out SplitValues
	for _, k := range keys {
		var dst *[]string
		switch k {
		case "train":
			dst = &out.Train
		case "validation":
			dst = &out.Validation
		case "test":
			dst = &out.Test
		default:
			errs = append(errs, fieldErrorf(k, "unknown side, want train, validation or test"))
			continue
		}
		list, ok := m[k].([]any)
		if !ok {
			list = []any{m[k]}
		}
		for i, e := range list {
			switch e := e.(type) {
			case string:
				*dst = append(*dst, e)
			case int64:
				*dst = append(*dst, strconv.FormatInt(e, 10))
			case float64:
				*dst = append(*dst, floatKey(e))
			case bool:
				*dst = append(*dst, strconv.FormatBool(e))
			default:
				errs = append(errs, fieldErrorf(fmt.Sprintf("%s[%d]", k, i), "want a text, a number or a truth value"))
			}
		}
	}
	*v = out
	return errors.Join(errs...)
}

func (v SplitValues) list() [splitSides][]string {
	return [splitSides][]string{v.Train, v.Validation, v.Test}
}

// WithDefaults fills in what a job file leaves out.
func (s Split) WithDefaults() Split {
	if s.Method == "" {
		s.Method = splitHash
	}
	if s.Fractions == (Fractions{}) && s.Method != splitColumn {
		s.Fractions = Fractions{Train: 0.8, Validation: 0.1, Test: 0.1}
	}
	if v := s.Values; s.Method == splitColumn && v.Train == nil && v.Validation == nil && v.Test == nil {
		s.Values = SplitValues{Train: []string{"train"}, Validation: []string{"validation"}, Test: []string{"test"}}
	}
	return s
}

// Validate checks the configuration by itself (defaults filled in); each mistake names its field.
func (s Split) Validate() error {
	var errs []error
	wrong := func(path, format string, args ...any) { errs = append(errs, fieldErrorf(path, format, args...)) }
	known := false
	for _, m := range SplitMethods() {
		known = known || m == s.Method
	}
	if !known {
		wrong("method", "unknown method %q, want one of %v", s.Method, SplitMethods())
		return errors.Join(errs...)
	}
	if s.Method == splitColumn {
		if s.Fractions != (Fractions{}) {
			wrong("fractions", "method column takes none: the column says where each row belongs")
		}
	} else {
		total := 0.0
		for i, f := range s.Fractions.list() {
			if !(f >= 0 && f <= 1) {
				wrong("fractions."+SideNames[i], "want a number between 0 and 1, have %v", f)
			}
			total += f
		}
		if !(math.Abs(total-1) <= 1e-9) {
			wrong("fractions", "add up to %v, want 1", math.Round(total*1e9)/1e9)
		} else if s.Fractions.Train == 0 {
			wrong("fractions.train", "is 0: nothing to train on")
		}
	}
	if s.Group != "" && s.Method != splitHash {
		wrong("group", "needs method hash; method %s does not keep groups together", s.Method)
	}
	switch s.Method {
	case splitTime:
		if s.Column == "" {
			wrong("column", "method time needs a column of times: name one here, or give a column the role time")
		}
		switch s.Unit {
		case "", "day", "hour", "minute":
		default:
			wrong("unit", "unknown unit %q, want day, hour or minute", s.Unit)
		}
	case splitColumn:
		if s.Column == "" {
			wrong("column", "method column needs the name of the column")
		}
	default:
		if s.Column != "" {
			wrong("column", "method %s does not take it", s.Method)
		}
	}
	if s.Unit != "" && s.Method != splitTime {
		wrong("unit", "method %s does not take it", s.Method)
	}
	if s.Method == splitColumn {
		if len(s.Values.Train) == 0 {
			wrong("values.train", "is empty: nothing to train on")
		}
		seen := map[string]string{}
		for side, list := range s.Values.list() {
			for i, v := range list {
				if at, ok := seen[v]; ok {
					wrong(fmt.Sprintf("values.%s[%d]", SideNames[side], i), "%q is in %s too", v, at)
				}
				seen[v] = SideNames[side]
			}
		}
	} else if len(s.Values.Train)+len(s.Values.Validation)+len(s.Values.Test) > 0 {
		wrong("values", "method %s does not take it", s.Method)
	}
	return errors.Join(errs...)
}

// Splitter is a compiled split. It is immutable and safe for concurrent use.
type Splitter struct {
	cfg   Split
	field table.Field // of cfg.Column
	ticks int64       // of the time column in one of its units; 0: every value is a unit of its own
}

// NewSplitter checks the split against the columns there are. cfg has its defaults filled in; the column of a time split
// is set (jobs takes the one of role time).
func NewSplitter(cfg Split, schema table.Schema) (*Splitter, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Splitter{cfg: cfg}
	find := func(path, name string) (table.Field, error) {
		f, ok := schema.Lookup(name)
		switch {
		case !ok:
			return f, fieldErrorf(path, "no column named %q", name)
		case f.List:
			return f, fieldErrorf(path, "column %q holds lists", name)
		}
		return f, nil
	}
	var err error
	if cfg.Group != "" {
		if _, err = find("group", cfg.Group); err != nil {
			return nil, err
		}
	}
	if cfg.Column == "" {
		return s, nil
	}
	if s.field, err = find("column", cfg.Column); err != nil {
		return nil, err
	}
	if cfg.Method == splitTime {
		if s.ticks, err = unitTicks(s.field, cfg.Unit); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// unitTicks is how many of the column's ticks make one unit of time.
func unitTicks(f table.Field, unit string) (int64, error) {
	if f.Type == table.Int64 {
		if unit != "" {
			return 0, fieldErrorf("unit", "column %q holds integers, whose unit is not known: each value is a unit", f.Name)
		}
		return 0, nil
	}
	if f.Type != table.Date && f.Type != table.Timestamp {
		return 0, fieldErrorf("column", "column %q has type %s, want a date, a timestamp or an integer", f.Name, f.Type)
	}
	if f.Type == table.Date {
		if unit != "" && unit != "day" {
			return 0, fieldErrorf("unit", "column %q holds days, which have no %s", f.Name, unit)
		}
		return 0, nil
	}
	switch unit {
	case "hour":
		return int64(f.Unit) * 3600, nil
	case "minute":
		return int64(f.Unit) * 60, nil
	}
	return int64(f.Unit) * 86400, nil
}

// Reads lists the columns that Update and Assign look at, besides the row ids and the label.
func (s *Splitter) Reads() []string {
	switch {
	case s.cfg.Column != "":
		return []string{s.cfg.Column}
	case s.cfg.Group != "":
		return []string{s.cfg.Group}
	}
	return nil
}

// NeedsFit reports whether the split needs a pass over the rows before it can assign any.
func (s *Splitter) NeedsFit() bool {
	return s.cfg.Method == splitTime || s.cfg.Method == splitStratified
}

// CheckSides says whether every side that was asked for got rows; counts are those of all assigned rows.
func (s *Splitter) CheckSides(counts [3]int64) error {
	for i, n := range counts {
		var want bool
		if s.cfg.Method == splitColumn {
			want = len(s.cfg.Values.list()[i]) > 0
		} else {
			want = s.cfg.Fractions.list()[i] > 0
		}
		if !want || n > 0 {
			continue
		}
		total := counts[0] + counts[1] + counts[2]
		switch s.cfg.Method {
		case splitColumn:
			return fmt.Errorf("split: no row is on the %s side: column %q has none of the values %q in %d rows",
				SideNames[i], s.cfg.Column, s.cfg.Values.list()[i], total)
		case splitHash:
			if s.cfg.Group != "" {
				return fmt.Errorf("split: no row is on the %s side of %d rows: column %q has too few groups for a fraction of %v",
					SideNames[i], total, s.cfg.Group, s.cfg.Fractions.list()[i])
			}
		}
		return fmt.Errorf("split: no row is on the %s side: %d rows are too few for a fraction of %v",
			SideNames[i], total, s.cfg.Fractions.list()[i])
	}
	return nil
}
