package preprocess

import (
	"fmt"
	"math"
	"unsafe"

	"howdah/internal/onnx"
)

func init() {
	Register[hashed](Doc{SlotEncode, "hash",
		"The code is murmur3 (x86, 32 bits) of the text's UTF-8, or of an integer's eight little-endian bytes, modulo the number of buckets. Nothing is learnt, so new categories need no retraining; different ones may share a bucket. Missing text is hashed like any other, the empty one.", nil, "buckets"}, &Hash{})
}

// Hash chooses a bucket by a hash.
type Hash struct {
	Buckets  int   `yaml:"buckets" json:"buckets" doc:"how many codes"`
	Signed   bool  `yaml:"signed" json:"signed,omitempty" doc:"one dense slot a bucket, +1 or -1 by the hash's sign, so that collisions cancel out on average: sklearn's FeatureHasher of one text"`
	Seed     int64 `yaml:"seed" json:"seed,omitempty" doc:"of the hash"`
	untaught `json:"-"`
}

// maxSigned bounds the dense slots of a signed hash.
const maxSigned = 4096

// Check wants categories and sensible options.
func (o *Hash) Check(in ValueType) (ValueType, error) {
	switch {
	case o.Buckets < 1 || o.Buckets > 1<<30:
		return 0, fieldErrorf("buckets", "want 1 to %d, have %d", 1<<30, o.Buckets)
	case o.Signed && o.Buckets > maxSigned:
		return 0, fieldErrorf("buckets", "a signed hash has a dense slot for each bucket: want at most %d, have %d", maxSigned, o.Buckets)
	}
	if err := checkSeed(o.Seed); err != nil {
		return 0, err
	}
	if o.Signed {
		return checkCategories(in, Signs)
	}
	return checkCategories(in, Codes)
}

// Fixed returns the step.
func (o *Hash) Fixed() Fitted { return &hashed{o.Buckets, o.Signed, uint32(o.Seed)} }

func checkSeed(seed int64) error {
	if seed < 0 || seed > math.MaxUint32 {
		return fieldErrorf("seed", "want 0 to %d, have %d", uint32(math.MaxUint32), seed)
	}
	return nil
}

// hashed is a bucket by murmur3.
type hashed struct {
	Buckets int    `json:"buckets"`
	Signed  bool   `json:"signed,omitempty"`
	Seed    uint32 `json:"seed,omitempty"`
}

func (f *hashed) restored() error {
	if f.Buckets < 1 || f.Buckets > 1<<30 || f.Signed && f.Buckets > maxSigned {
		return fmt.Errorf("has %d buckets", f.Buckets)
	}
	return nil
}

func (f *hashed) takes(t ValueType) bool { return t == Text || t == Integers }
func (f *hashed) size() (int, []string)  { return f.Buckets, nil }
func (f *hashed) String() string {
	if f.Signed {
		return fmt.Sprintf("signed hash into %d slots", f.Buckets)
	}
	return fmt.Sprintf("hash into %d buckets", f.Buckets)
}

func murmurText(s string, seed uint32) uint32 {
	return onnx.Murmur3(unsafe.Slice(unsafe.StringData(s), len(s)), seed)
}

func bucketOf(h uint32, buckets int) int32 { return int32(h % uint32(buckets)) }

func (f *hashed) code(s string) int32 { return f.of(murmurText(s, f.Seed)) }

// of gives a hash its code; a signed one's bucket is |h| mod buckets (FeatureHasher), its complement where h is negative.
func (f *hashed) of(h uint32) int32 {
	if !f.Signed {
		return bucketOf(h, f.Buckets)
	}
	if int32(h) < 0 {
		return ^int32(-int64(int32(h)) % int64(f.Buckets))
	}
	return bucketOf(h, f.Buckets)
}

func (f *hashed) Apply(v *Values) {
	if v.Type == Text {
		v.encode(f)
	} else {
		for i, x := range v.Int[:v.N] {
			v.Code[i] = f.of(onnx.Murmur3Int64(x, f.Seed))
		}
	}
	v.Type = Codes
	if f.Signed {
		v.Type = Signs
	}
}

// exportBucket is the bucket of an unsigned hash, by [N,1] of Int64.
func exportBucket(g *onnx.Graph, n *Node, seed uint32, buckets int) onnx.Value {
	h := g.Cast(g.MurmurHash3(n.V, int64(seed), true), onnx.Int64)
	code := remainder(g, h, buckets)
	if n.fill == "" || n.Type != Text {
		return code
	}
	fill := int64(bucketOf(murmurText(n.fill, seed), buckets))
	return g.Where(isEmpty(g, n.V), g.Int64(fill), code)
}

// remainder is h mod buckets for h of 0 and more.
func remainder(g *onnx.Graph, h onnx.Value, buckets int) onnx.Value {
	return g.Mod(h, g.Int64(int64(buckets)))
}

// isEmpty is where a text is empty.
func isEmpty(g *onnx.Graph, x onnx.Value) onnx.Value {
	return g.Equal(g.LabelEncoder(x, []string{""}, []int64{1}, 0), g.Int64(1))
}

func (f *hashed) Export(g *onnx.Graph, n *Node) {
	if !f.Signed {
		n.V, n.Type = exportBucket(g, n, f.Seed, f.Buckets), Codes
		return
	}
	h := g.Cast(g.MurmurHash3(n.V, int64(f.Seed), false), onnx.Int64)
	if n.fill != "" && n.Type == Text {
		h = g.Where(isEmpty(g, n.V), g.Int64(int64(int32(murmurText(n.fill, f.Seed)))), h)
	}
	bucket := remainder(g, g.Abs(h), f.Buckets)
	sign := g.Where(g.Less(h, g.Int64(0)), g.Double(-1), g.Double(1))
	numbers := make([]int64, f.Buckets)
	for i := range numbers {
		numbers[i] = int64(i)
	}
	slots := g.Constant(onnx.Tensor{Type: onnx.Int64, Shape: []int{f.Buckets}, Int64s: numbers})
	n.V, n.Type = g.Where(g.Equal(bucket, slots), sign, g.Double(0)), Signs
}
