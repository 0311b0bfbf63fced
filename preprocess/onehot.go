package preprocess

import (
	"fmt"
	"math"
	"slices"

	"howdah/internal/onnx"
)

func init() {
	Register[listed](Doc{SlotEncode, "one_hot",
		"A code for each category seen in the training rows, in the order of their text (or of their number); missing is one of them where it was seen. A category not seen has none: it contributes nothing. sklearn.preprocessing.OneHotEncoder(handle_unknown=\"ignore\").", nil, ""}, &OneHot{})
	Register[ordinal](Doc{SlotEncode, "ordinal",
		"The place of the category among those seen in the training rows, in the order of their text (or of their number), as a dense number; one not seen is -1. sklearn.preprocessing.OrdinalEncoder(handle_unknown=\"use_encoded_value\", unknown_value=-1).", nil, ""}, &Ordinal{})
	Register[vocabulary](Doc{SlotEncode, "vocabulary",
		"A code for each frequent category, the most frequent first (equals in the order of their text), and buckets for all others, chosen by murmur3. Without buckets the others have no code. Keras StringLookup.", nil, ""},
		&Vocabulary{MinCount: 3, MaxSize: 10000, OOVBuckets: 1})
}

// The most categories that are counted: one_hot and ordinal are for few, a vocabulary for many.
const (
	maxOneHot     = 1 << 16
	maxVocabulary = 1 << 21
)

// categorical is what one_hot, ordinal and vocabulary have in common.
type categorical struct{}

func (categorical) Fixed() Fitted                   { return nil }
func (categorical) Raw() bool                       { return true }
func (categorical) Update(s *Categories, v *Values) { s.update(v) }

func checkCategories(in, out ValueType) (ValueType, error) {
	if in != Text && in != Integers {
		return 0, fieldErrorf("", "works on categories (text, integers, truth values, dates); these are %s: use bucketize", in)
	}
	return out, nil
}

// list returns the categories in order, or an error where there are too many or none.
func list(s *Categories, seen Seen, limit int) ([]category, ValueType, error) {
	of := seen.at
	if s.exceeded() {
		return nil, of, &tooManyError{fmt.Sprintf("more than %d different values; use hash", limit)}
	}
	cats := s.sorted(seen, of)
	if len(cats) == 0 {
		return nil, of, errNoValue
	}
	return cats, of, nil
}

// OneHot gives each category a code.
type OneHot struct{ categorical }

// Check wants categories.
func (*OneHot) Check(in ValueType) (ValueType, error) { return checkCategories(in, Codes) }

// NewSketch counts the categories.
func (*OneHot) NewSketch(uint64) *Categories { return newCategories(maxOneHot) }

// SketchOptions tells counts of another limit apart.
func (*OneHot) SketchOptions() string { return fmt.Sprint(maxOneHot) }

// Fit lists the categories.
func (*OneHot) Fit(s *Categories, seen Seen) (Fitted, error) {
	cats, of, err := list(s, seen, maxOneHot)
	if err != nil {
		return nil, err
	}
	book, err := newCodebook(cats, of)
	return &listed{book}, err
}

// listed is fitted one_hot: the code of a listed value; the number of codes where it is not listed.
type listed struct{ codebook }

func (f *listed) takes(t ValueType) bool { return t == f.of() }
func (f *listed) size() (int, []string)  { return f.len(), f.names() }
func (f *listed) code(s string) int32    { return orElse(f.findText(s), int32(f.len())) }
func (f *listed) String() string         { return fmt.Sprintf("one of %d", f.len()) }
func orElse(code int32, other int32) int32 {
	if code < 0 {
		return other
	}
	return code
}

func (f *listed) Apply(v *Values) {
	if v.Type == Text {
		v.encode(f)
		return
	}
	v.Type = Codes
	none := int32(f.len())
	for i, x := range v.Int[:v.N] {
		v.Code[i] = orElse(f.findInt(x), none)
	}
}

func (f *listed) Export(g *onnx.Graph, n *Node) {
	n.V, n.Type = f.export(g, n, int64(f.len())), Codes
}

// Ordinal numbers the categories.
type Ordinal struct{ categorical }

// Check wants categories.
func (*Ordinal) Check(in ValueType) (ValueType, error) { return checkCategories(in, Numbers) }

// NewSketch counts the categories.
func (*Ordinal) NewSketch(uint64) *Categories { return newCategories(maxOneHot) }

// SketchOptions tells counts of another limit apart.
func (*Ordinal) SketchOptions() string { return fmt.Sprint(maxOneHot) }

// Fit lists the categories.
func (*Ordinal) Fit(s *Categories, seen Seen) (Fitted, error) {
	cats, of, err := list(s, seen, maxOneHot)
	if err != nil {
		return nil, err
	}
	book, err := newCodebook(cats, of)
	return &ordinal{book}, err
}

// ordinal is the place of a value in the list, as a number.
type ordinal struct{ codebook }

func (f *ordinal) takes(t ValueType) bool { return t == f.of() }
func (f *ordinal) code(s string) int32    { return f.findText(s) }
func (f *ordinal) String() string         { return fmt.Sprintf("place among %d", f.len()) }

func (f *ordinal) Apply(v *Values) {
	if v.Type == Text {
		v.encode(f)
		for i, c := range v.Code[:v.N] {
			v.Num[i] = float64(c)
		}
	} else {
		for i, x := range v.Int[:v.N] {
			v.Num[i] = float64(f.findInt(x))
		}
	}
	v.Type = Numbers
}

func (f *ordinal) Export(g *onnx.Graph, n *Node) {
	n.V, n.Type = g.Cast(f.export(g, n, -1), onnx.Double), Numbers
}

// Vocabulary gives the frequent categories codes and the others buckets.
type Vocabulary struct {
	MinCount    int   `yaml:"min_count" json:"min_count" doc:"how often a category must be seen in the training rows to have a code of its own"`
	MaxSize     int   `yaml:"max_size" json:"max_size" doc:"the most categories with a code of their own"`
	OOVBuckets  int   `yaml:"oov_buckets" json:"oov_buckets" doc:"codes shared by all other categories; 0: they have none"`
	Seed        int64 `yaml:"seed" json:"seed,omitempty" doc:"of the hash that chooses the bucket"`
	categorical `json:"-"`
}

func (o *Vocabulary) String() string {
	return fmt.Sprintf("vocabulary of at most %d seen %d times or more, %d more buckets", o.MaxSize, o.MinCount, o.OOVBuckets)
}

// Check wants categories and sensible options.
func (o *Vocabulary) Check(in ValueType) (ValueType, error) {
	switch {
	case o.MinCount < 1:
		return 0, fieldErrorf("min_count", "must be at least 1, have %d", o.MinCount)
	case o.MaxSize < 1 || o.MaxSize > maxVocabulary:
		return 0, fieldErrorf("max_size", "want 1 to %d, have %d", maxVocabulary, o.MaxSize)
	case o.OOVBuckets < 0 || o.OOVBuckets > 1<<24:
		return 0, fieldErrorf("oov_buckets", "want 0 to %d, have %d", 1<<24, o.OOVBuckets)
	}
	if err := checkSeed(o.Seed); err != nil {
		return 0, err
	}
	return checkCategories(in, Codes)
}

// NewSketch counts the categories.
func (*Vocabulary) NewSketch(uint64) *Categories { return newCategories(maxVocabulary) }

// SketchOptions tells counts of another limit apart.
func (*Vocabulary) SketchOptions() string { return fmt.Sprint(maxVocabulary) }

// Fit keeps the most frequent.
func (o *Vocabulary) Fit(s *Categories, seen Seen) (Fitted, error) {
	cats, of, err := list(s, seen, maxVocabulary)
	if err != nil {
		return nil, err
	}
	cats = slices.DeleteFunc(cats, func(c category) bool { return c.count < int64(o.MinCount) })
	slices.SortStableFunc(cats, func(a, b category) int { return int(min(max(b.count-a.count, -1), 1)) })
	cats = cats[:min(len(cats), o.MaxSize)]
	f := &vocabulary{Buckets: o.OOVBuckets, Seed: uint32(o.Seed), Of: of}
	if len(cats) == 0 {
		if o.OOVBuckets == 0 {
			return nil, fmt.Errorf("no value is seen %d times (min_count)", o.MinCount)
		}
		return f, nil
	}
	book, err := newCodebook(cats, of)
	f.Book = &book
	return f, err
}

// vocabulary is the code of a listed value; else a bucket after them; else none.
type vocabulary struct {
	Book    *codebook `json:"book,omitempty"` // nil where no value is frequent
	Buckets int       `json:"buckets"`
	Seed    uint32    `json:"seed,omitempty"`
	Of      ValueType `json:"of"`
}

func (f *vocabulary) restored() error {
	if f.Buckets < 0 || f.Buckets > math.MaxInt32/2 || f.Book == nil && f.Buckets == 0 {
		return fmt.Errorf("has %d buckets", f.Buckets)
	}
	if f.Book != nil {
		if err := f.Book.restored(); err != nil {
			return err
		}
		if f.Book.of() != f.Of {
			return fmt.Errorf("want %s", f.Of)
		}
	}
	if f.Of != Text && f.Of != Integers {
		return fmt.Errorf("has no buckets for %s", f.Of)
	}
	return nil
}

func (f *vocabulary) takes(t ValueType) bool { return t == f.Of }

func (f *vocabulary) known() int {
	if f.Book == nil {
		return 0
	}
	return f.Book.len()
}

func (f *vocabulary) size() (int, []string) {
	var names []string
	if f.Book != nil {
		names = f.Book.names()
	}
	for i := range f.Buckets {
		if f.Buckets > 1024 {
			return f.known() + f.Buckets, nil
		}
		names = append(names, fmt.Sprintf("(other %d)", i))
	}
	return f.known() + f.Buckets, names
}

func (f *vocabulary) String() string {
	return fmt.Sprintf("one of %d, or of %d buckets", f.known(), f.Buckets)
}

func (f *vocabulary) code(s string) int32 {
	if f.Book != nil {
		if c := f.Book.findText(s); c >= 0 {
			return c
		}
	}
	if f.Buckets == 0 {
		return int32(f.known())
	}
	return int32(f.known()) + bucketOf(murmurText(s, f.Seed), f.Buckets)
}

func (f *vocabulary) Apply(v *Values) {
	if v.Type == Text {
		v.encode(f)
		return
	}
	v.Type = Codes
	known := int32(f.known())
	for i, x := range v.Int[:v.N] {
		c := int32(-1)
		if f.Book != nil {
			c = f.Book.findInt(x)
		}
		switch {
		case c >= 0:
		case f.Buckets > 0:
			c = known + bucketOf(onnx.Murmur3Int64(x, f.Seed), f.Buckets)
		default:
			c = known
		}
		v.Code[i] = c
	}
}

func (f *vocabulary) Export(g *onnx.Graph, n *Node) {
	var other onnx.Value
	if f.Buckets > 0 {
		other = exportBucket(g, n, f.Seed, f.Buckets)
		other = g.AddOp(other, g.Int64(int64(f.known())))
	}
	switch {
	case f.Book == nil:
		n.V = other
	case f.Buckets == 0:
		n.V = f.Book.export(g, n, int64(f.known()))
	default:
		code := f.Book.export(g, n, -1)
		n.V = g.Where(g.Less(code, g.Int64(0)), other, code)
	}
	n.Type = Codes
}
