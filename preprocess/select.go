package preprocess

// Filter selection: features are kept or dropped by what the sketches of one wave say of them, before anything is
// encoded. This file is the configuration and its compilation; select_part.go is the sketch that a mapper fills,
// select_decide.go the decision on the driver.

import (
	"errors"
	"fmt"
	"math"
	"sort"
)

// TargetType is what kind of quantity a label is.
type TargetType uint8

// The types of label.
const (
	Regression TargetType = iota // a quantity
	Binary                       // two classes, 0 and 1
	Multiclass                   // classes 0..n-1
)

var targetTypeNames = [...]string{"regression", "binary", "multiclass"}

func (t TargetType) String() string {
	if int(t) < len(targetTypeNames) {
		return targetTypeNames[t]
	}
	return fmt.Sprintf("TargetType(%d)", uint8(t))
}

// MarshalText writes the type's name.
func (t TargetType) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads a type's name.
func (t *TargetType) UnmarshalText(b []byte) error {
	for i, n := range targetTypeNames {
		if n == string(b) {
			*t = TargetType(i)
			return nil
		}
	}
	return fmt.Errorf("unknown type of label %q, want regression, binary or multiclass", b)
}

// SelectRule is one entry of a job's selection list. Rules are applied in order, each to the features that the ones
// before it left. The scores are those of scikit-learn's functions of the same purpose, computed on the values of a
// feature after imputation and clipping and before scaling.
//
//   - variance: drops features whose variance (population, ddof 0) is at most Min. For a categorical feature it is the
//     sum of the variances of its one-hot columns, 1 - Σp².  VarianceThreshold.
//   - missing_rate: drops features more than Max of whose values are missing.
//   - correlation: of each pair of numeric features whose |Pearson r| exceeds Max it drops the one that says less about
//     the label (share of variance explained: η² for classes, r² for a quantity), the later one of equals. Pairs are
//     taken by descending |r|, and a pair whose one side is gone drops nothing more.
//   - mutual_information: between the feature (numeric ones in bins) and the label (a quantity in bins), in nats.
//     mutual_info_score.
//   - chi2: Pearson's statistic of the contingency table of categories (numeric features: bins) and classes, which is the
//     sum of sklearn's chi2 over the one-hot columns. Not for a regression.
//   - anova_f: f_classif for a numeric feature with classes, f_regression for a numeric feature with a quantity. For a
//     categorical feature with a quantity or a binary label: one-way ANOVA of the label over the categories (f_oneway).
//     With more classes a categorical feature has no F: it stays and does not count.
//
// The last three take exactly one of Keep and Threshold.
type SelectRule struct {
	Method    string   `yaml:"method" json:"method" doc:"variance, missing_rate, correlation, mutual_information, chi2 or anova_f"`
	Min       *float64 `yaml:"min" json:"min,omitempty" doc:"variance: features with no more than this are dropped (default 0)"`
	Max       *float64 `yaml:"max" json:"max,omitempty" doc:"missing_rate, correlation: features above this are dropped"`
	Keep      *float64 `yaml:"keep" json:"keep,omitempty" doc:"scores: how many of the best features stay; below 1: which share of them"`
	Threshold *float64 `yaml:"threshold" json:"threshold,omitempty" doc:"scores: features with less than this are dropped"`
}

// The selection methods.
const (
	byVariance    = "variance"
	byMissing     = "missing_rate"
	byCorrelation = "correlation"
	byMI          = "mutual_information"
	byChi2        = "chi2"
	byAnova       = "anova_f"
)

// SelectMethods lists the methods in the order of the documentation.
func SelectMethods() []string {
	return []string{byVariance, byMissing, byCorrelation, byMI, byChi2, byAnova}
}

// Validate checks the rule by itself; each mistake names its field.
func (r SelectRule) Validate() error {
	var errs []error
	wrong := func(path, format string, args ...any) { errs = append(errs, fieldErrorf(path, format, args...)) }
	forbid := func(path string, set bool) {
		if set {
			wrong(path, "method %s does not take it", r.Method)
		}
	}
	switch r.Method {
	case byVariance:
		forbid("max", r.Max != nil)
		forbid("keep", r.Keep != nil)
		forbid("threshold", r.Threshold != nil)
		if r.Min != nil && !(*r.Min >= 0 && *r.Min <= math.MaxFloat64) {
			wrong("min", "want a number from 0, have %v", *r.Min)
		}
	case byMissing, byCorrelation:
		forbid("min", r.Min != nil)
		forbid("keep", r.Keep != nil)
		forbid("threshold", r.Threshold != nil)
		switch {
		case r.Max == nil:
			wrong("max", "method %s needs it, a number between 0 and 1", r.Method)
		case !(*r.Max >= 0 && *r.Max <= 1):
			wrong("max", "want a number between 0 and 1, have %v", *r.Max)
		}
	case byMI, byChi2, byAnova:
		forbid("min", r.Min != nil)
		forbid("max", r.Max != nil)
		switch {
		case r.Keep == nil && r.Threshold == nil:
			wrong("keep", "method %s needs keep (a count, or a share below 1) or threshold", r.Method)
		case r.Keep != nil && r.Threshold != nil:
			wrong("threshold", "give keep or threshold, not both")
		case r.Keep != nil && !(*r.Keep > 0 && *r.Keep < 1) && !(*r.Keep >= 1 && *r.Keep <= 1<<31 && *r.Keep == math.Trunc(*r.Keep)):
			wrong("keep", "want a count (20) or a share below 1 (0.8), have %v", *r.Keep)
		case r.Threshold != nil && !(*r.Threshold >= 0 && *r.Threshold <= math.MaxFloat64):
			wrong("threshold", "want a number from 0, have %v", *r.Threshold)
		}
	case "":
		wrong("method", "missing: want one of %v", SelectMethods())
	default:
		wrong("method", "unknown method %q, want one of %v", r.Method, SelectMethods())
	}
	return errors.Join(errs...)
}

// SelectFeature is a feature as selection sees it: a number, or a code.
type SelectFeature struct {
	Name string
	// Cardinality is the number of codes of a categorical feature, which are 0..Cardinality-1; 0 means a numeric one. A
	// code of Cardinality itself stands for "none" and is counted as one category more. Where categories times classes
	// are more than 2^20 the categories are counted in groups (by a hash of the code), so that a part stays small:
	// that can only lower variance, mutual information and chi2.
	Cardinality int
	// Edges are the inner borders of a numeric feature's bins, ascending and distinct: value x is in bin number
	// #{e in Edges: e <= x} (numpy.digitize). They are quantiles of the wave before; without them there is one bin.
	Edges []float64
	// Missing is the share of the feature's raw values that are missing.
	Missing float64
}

// maxSelectCells is the largest contingency table of one feature.
const maxSelectCells = 1 << 20

// Numeric reports whether the feature is a number rather than a code.
func (f SelectFeature) Numeric() bool { return f.Cardinality == 0 }

// SelectTarget is the label as selection sees it.
type SelectTarget struct {
	Type    TargetType
	Classes int       // of a binary (2) or multiclass label
	Edges   []float64 // of a regression: the label's bins for mutual information, like SelectFeature.Edges
}

// Selection is a compiled selection list. It is immutable and safe for concurrent use.
type Selection struct {
	rules    []SelectRule
	features []SelectFeature
	target   SelectTarget
	numeric  []int // indices into features
	coded    []int
	need     selectNeeds
	groups   int   // columns of the contingency tables: classes, or bins of the label
	binAt    []int // first cell of a numeric feature's table, by position in numeric; one more than there are
	codeAt   []int // first cell of a categorical feature's table
	rowAt    []int // first row of a categorical feature in the tables by category
}

// selectNeeds says which sums the rules call for.
type selectNeeds struct {
	moments  bool // of each numeric feature
	co       bool // co-moments of all pairs
	groups   bool // moments of each numeric feature by class
	label    bool // moments of the label, and its co-moments with the numeric features
	bins     bool // contingency of numeric features
	codes    bool // contingency of categorical features
	labelFor bool // moments of the label by category
}

// NewSelection compiles the rules for the features, in their order, and the label. It returns the mistakes of all rules.
func NewSelection(rules []SelectRule, features []SelectFeature, target SelectTarget) (*Selection, error) {
	s := &Selection{rules: rules, features: features, target: target}
	var errs []error
	classes := target.Type != Regression
	for i, r := range rules {
		at := fmt.Sprintf("[%d]", i)
		if err := r.Validate(); err != nil {
			errs = append(errs, below(at, err)...)
			continue
		}
		switch r.Method {
		case byVariance:
			s.need.moments, s.need.codes = true, true
		case byCorrelation:
			s.need.moments, s.need.co = true, true
			s.need.groups = s.need.groups || classes
			s.need.label = s.need.label || !classes
		case byMI:
			s.need.bins, s.need.codes = true, true
		case byChi2:
			s.need.bins, s.need.codes = true, true
			if !classes {
				errs = append(errs, fieldErrorf(at+".method", "chi2 needs a label with classes; this one is a quantity: use mutual_information or anova_f"))
			}
		case byAnova:
			s.need.moments = true
			s.need.groups = s.need.groups || classes
			s.need.label = s.need.label || !classes
			s.need.labelFor = s.need.labelFor || !classes
			s.need.codes = s.need.codes || target.Type == Binary
		}
	}
	if classes && target.Classes < 2 {
		errs = append(errs, fmt.Errorf("selection: a %s label needs at least 2 classes, have %d", target.Type, target.Classes))
	}
	if err := checkEdges("the label", target.Edges); err != nil {
		errs = append(errs, err)
	}
	s.groups = target.Classes
	if !classes {
		s.groups = len(target.Edges) + 1
	}
	s.binAt, s.codeAt, s.rowAt = []int{0}, []int{0}, []int{0}
	for i, f := range features {
		if f.Cardinality < 0 {
			errs = append(errs, fmt.Errorf("selection: feature %q: cardinality %d is negative", f.Name, f.Cardinality))
			continue
		}
		if err := checkEdges(fmt.Sprintf("feature %q", f.Name), f.Edges); err != nil {
			errs = append(errs, err)
		}
		if f.Numeric() {
			s.numeric = append(s.numeric, i)
			s.binAt = append(s.binAt, s.binAt[len(s.binAt)-1]+(len(f.Edges)+1)*s.groups)
		} else {
			s.coded = append(s.coded, i)
			rows := min(f.Cardinality+1, max(maxSelectCells/max(s.groups, 1), 2))
			s.codeAt = append(s.codeAt, s.codeAt[len(s.codeAt)-1]+rows*s.groups)
			s.rowAt = append(s.rowAt, s.rowAt[len(s.rowAt)-1]+rows)
		}
	}
	return s, errors.Join(errs...)
}

// Wave reports whether the rules need a pass at all; where they do not, Decide takes an empty part.
func (s *Selection) Wave() bool { return s.need != selectNeeds{} }

func checkEdges(what string, edges []float64) error {
	for i, e := range edges {
		if math.IsNaN(e) || math.IsInf(e, 0) {
			return fmt.Errorf("selection: %s: border %d of its bins is %v", what, i, e)
		}
	}
	if !sort.Float64sAreSorted(edges) {
		return fmt.Errorf("selection: %s: the borders of its bins do not ascend", what)
	}
	return nil
}

// binOf returns #{e in edges: e <= x}. The search has no branch that depends on x.
func binOf(edges []float64, x float64) int {
	at, n := 0, len(edges)
	for n > 1 {
		half := n >> 1
		at += half * oneIf(edges[at+half-1] <= x)
		n -= half
	}
	if n == 1 && edges[at] <= x {
		at++
	}
	return at
}

// oneIf compiles to a flag's value, without a jump.
func oneIf(b bool) int {
	if b {
		return 1
	}
	return 0
}
