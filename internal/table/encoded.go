package table

// Layout says what an encoded row is made of: what preprocessing yields and a model is fed.
type Layout struct {
	Dense []string   `json:"dense"` // a name for each dense slot
	Codes []CodeSlot `json:"codes"`
	// Classes are the label's classes in code order; nil for a regression. A binary label is 0 or 1: Classes[1] is the
	// positive one.
	Classes []string `json:"classes,omitempty"`
	Weight  bool     `json:"weight,omitempty"` // rows carry a weight
}

// CodeSlot is one categorical slot of an encoded row. Codes 0..Size-1 have a row of weights; the code Size means "none"
// (an unseen category without a bucket of its own) and contributes nothing.
type CodeSlot struct {
	Feature string   `json:"feature"`
	Size    int      `json:"size"`
	Dim     int      `json:"dim"`             // width of the embedding; 0: one-hot, that is, a row of the first layer's weights
	Names   []string `json:"names,omitempty"` // of the codes, where they have names; for reports
}

// Encoded is a block of encoded rows, row-major. Rules: every slice has its full length; nothing is NaN or infinite.
type Encoded struct {
	Rows    int
	Dense   []float32 // [Rows, len(Layout.Dense)]
	Codes   []int32   // [Rows, len(Layout.Codes)]
	Labels  []float32 // [Rows]: 0 or 1, a class's code, or the quantity
	Weights []float32 // [Rows], or nil where every weight is 1
	IDs     []uint64  // [Rows]: hash of the row's identity
}
