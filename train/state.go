package train

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

// state is all that a Network remembers between batches; a snapshot is this, written out.
type state struct {
	Params []float32 `json:"-"`
	Slots  []float32 `json:"-"` // of the optimiser: by transform, then by block
	Best   []float32 `json:"-"` // what early stopping would restore; empty before there is one
	Total  []float64 `json:"-"` // full-batch descent: this epoch's gradient so far

	Step    int64 `json:"step"`  // updates done
	Epoch   int   `json:"epoch"` // epochs complete
	Batch   int   `json:"batch"` // batches done of this epoch
	Pending bool  `json:"pending"`
	Done    bool  `json:"done"`

	Rows   int64   `json:"rows"` // of this epoch so far
	Loss   float64 `json:"loss"` // sum over them, not the mean
	Weight float64 `json:"weight"`
	Rate   float64 `json:"rate"`
	Last   Losses  `json:"last"`

	Stop    watch   `json:"stop"`
	Plateau watch   `json:"plateau"`
	Cut     float64 `json:"cut"` // what the plateau has multiplied the rate by
}

// A snapshot is the magic, the header's length (uint32), the header (JSON), the arrays (Params, Slots, Best, Total) and the
// SHA-256 of all before it; numbers are little-endian.
const (
	snapshotMagic   = "HOWDAHTR"
	snapshotVersion = 1
	maxHeader       = 64 << 20
)

type snapshotHeader struct {
	Version int     `json:"version"`
	Model   string  `json:"model"`  // hash of what decides the course of training: configuration and layout
	Blocks  []Block `json:"blocks"` // for the message where the models differ
	Slots   int     `json:"slots"`
	Best    int     `json:"best"`
	Total   int     `json:"total"`
	State   state   `json:"state"`
}

// fingerprint hashes the configuration, the layout and the weights of the classes. Epochs may be raised between snapshots and
// are not part of it; neither are zero values, so that a field added later does not make old snapshots foreign.
func (n *Network) fingerprint() string {
	cfg := n.cfg
	cfg.Train.Epochs = 0
	// None of this can fail: these are trees of plain values, all finite, and maps marshal in the order of their keys.
	b, _ := json.Marshal([]any{cfg, n.layout, n.classW})
	var tree any
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber() // a seed has 64 bits
	_ = d.Decode(&tree)
	b, _ = json.Marshal(prune(tree))
	h := sha256.Sum256(b)
	return fmt.Sprintf("%x", h[:16])
}

// prune takes the zero values out of the mappings of a tree, and mappings that are then empty.
func prune(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = prune(v[i])
		}
	case map[string]any:
		for k, x := range v {
			x = prune(x)
			v[k] = x
			switch x := x.(type) {
			case nil:
				delete(v, k)
			case bool:
				if !x {
					delete(v, k)
				}
			case json.Number:
				if x == "0" {
					delete(v, k)
				}
			case string:
				if x == "" {
					delete(v, k)
				}
			case []any:
				if len(x) == 0 {
					delete(v, k)
				}
			case map[string]any:
				if len(x) == 0 {
					delete(v, k)
				}
			}
		}
	}
	return v
}

// Snapshot appends the state to b.
func (n *Network) Snapshot(b []byte) ([]byte, error) {
	s := &n.state
	h, err := json.Marshal(snapshotHeader{snapshotVersion, n.fingerprint(), n.blocks, len(s.Slots), len(s.Best), len(s.Total), *s})
	if err != nil {
		return b, fmt.Errorf("snapshot: %w", err)
	}
	start := len(b)
	b = append(b, snapshotMagic...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(h)))
	b = append(b, h...)
	for _, x := range [][]float32{s.Params, s.Slots, s.Best} {
		b = appendFloats(b, x)
	}
	for _, x := range s.Total {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
	}
	sum := sha256.Sum256(b[start:])
	return append(b, sum[:]...), nil
}

func appendFloats(b []byte, x []float32) []byte {
	at := len(b)
	b = append(b, make([]byte, 4*len(x))...)
	for i, v := range x {
		binary.LittleEndian.PutUint32(b[at+4*i:], math.Float32bits(v))
	}
	return b
}

// Restore reads a state that Snapshot wrote for the same configuration (epochs may differ) and layout.
func (n *Network) Restore(b []byte) error {
	s, err := n.parse(b)
	if err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	n.state, n.work = *s, nil
	return nil
}

func (n *Network) parse(b []byte) (*state, error) {
	const head = len(snapshotMagic) + 4
	if len(b) < head+sha256.Size || string(b[:len(snapshotMagic)]) != snapshotMagic {
		return nil, errors.New("this is not a snapshot of a model in training")
	}
	body, want := b[:len(b)-sha256.Size], b[len(b)-sha256.Size:]
	if sum := sha256.Sum256(body); !bytes.Equal(sum[:], want) {
		return nil, errors.New("damaged: the checksum does not fit")
	}
	size := binary.LittleEndian.Uint32(body[len(snapshotMagic):])
	if size > maxHeader || int(size) > len(body)-head {
		return nil, fmt.Errorf("damaged: a header of %d bytes in %d", size, len(body))
	}
	var h snapshotHeader
	if err := json.Unmarshal(body[head:head+int(size)], &h); err != nil {
		return nil, fmt.Errorf("damaged header: %w", err)
	}
	if h.Version != snapshotVersion {
		return nil, fmt.Errorf("version %d, and this program reads version %d", h.Version, snapshotVersion)
	}
	if err := sameBlocks(h.Blocks, n.blocks); err != nil {
		return nil, err
	}
	if h.Model != n.fingerprint() {
		return nil, errors.New("it belongs to another configuration or layout (the parameters are alike)")
	}
	total := 0
	if n.full() {
		total = n.params
	}
	if h.Slots != len(n.state.Slots) || (h.Best != 0 && h.Best != n.params) || (h.Total != 0 && h.Total != total) {
		return nil, errors.New("damaged: arrays of a length that the model does not have")
	}
	s := h.State
	switch {
	case s.Step < 0 || s.Epoch < 0 || s.Batch < 0 || s.Rows < 0 || s.Pending && s.Batch != 0:
		return nil, errors.New("damaged: counters that no training has")
	case !(s.Cut > 0 && s.Cut <= 1):
		return nil, fmt.Errorf("damaged: the plateau's factor is %v", s.Cut)
	}
	rest := body[head+int(size):]
	if len(rest) != 4*(n.params+h.Slots+h.Best)+8*h.Total {
		return nil, fmt.Errorf("damaged: %d bytes of numbers, want %d", len(rest), 4*(n.params+h.Slots+h.Best)+8*h.Total)
	}
	take := func(k int) []float32 {
		x := make([]float32, k)
		for i := range x {
			x[i] = math.Float32frombits(binary.LittleEndian.Uint32(rest[4*i:]))
		}
		rest = rest[4*k:]
		return x
	}
	s.Params, s.Slots, s.Best = take(n.params), take(h.Slots), take(h.Best)
	if h.Total > 0 {
		s.Total = make([]float64, h.Total)
		for i := range s.Total {
			s.Total[i] = math.Float64frombits(binary.LittleEndian.Uint64(rest[8*i:]))
		}
	}
	// Epochs may have been raised or lowered since.
	if s.Epoch < n.cfg.Train.Epochs && !n.stopped(&s) {
		s.Done = false
	}
	return &s, nil
}

// stopped reports whether early stopping, and not the last epoch, ended the training.
func (n *Network) stopped(s *state) bool {
	stop := n.cfg.Train.EarlyStopping
	return stop != nil && s.Stop.Bad > *stop.Patience
}

func sameBlocks(have, want []Block) error {
	if len(have) != len(want) {
		return fmt.Errorf("it has %d blocks of parameters, and the model has %d", len(have), len(want))
	}
	for i, w := range want {
		if h := have[i]; h.Name != w.Name || h.Rows != w.Rows || h.Width != w.Width || h.Sparse != w.Sparse {
			return fmt.Errorf("its block %d is %s [%d,%d], and the model's is %s [%d,%d]", i, h.Name, h.Rows, h.Width, w.Name, w.Rows, w.Width)
		}
	}
	return nil
}
