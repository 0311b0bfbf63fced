package shard

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"

	"howdah/hdfsio"
	"howdah/internal/table"
)

// Options are what readers of a pass share. The zero value reads everything within 256 MiB.
type Options struct {
	Budget *Budget // nil: 256 MiB for one worker
	// Prune reports whether no row can be wanted, going by statistics. It is asked about row groups, and then about
	// batches where the file has page indexes. Rows of what it rejects are not yielded; the numbering of the others
	// does not change. nil: nothing is rejected.
	Prune func(Stats) bool
}

// Reader reads columns of shards, unit by unit. It may be used by any number of goroutines at once, within its budget.
type Reader struct {
	fsys   hdfsio.FS
	schema table.Schema
	opt    Options
	block  int // of windows; 0: by the budget; tests make it small

	mu   sync.Mutex
	idle []*scan
}

// NewReader returns a reader of the columns in schema, which are some of what Merge returned (see Select). Batches have
// their columns in that order.
func NewReader(fsys hdfsio.FS, schema table.Schema, opt Options) *Reader {
	if opt.Budget == nil {
		opt.Budget = NewBudget(256<<20, 1)
	}
	return &Reader{fsys: fsys, schema: slices.Clone(schema), opt: opt}
}

// Read yields a unit's rows, of the shard that the unit belongs to. Batches end at multiples of table.BatchRows within a
// row group, whatever columns are read. While a row group is decoded the next one is fetched; a row group that is too
// large for the worker's share of the budget is read in windows. The sequence can be ranged over once or again; several
// units can be read at once. An error ends it: a *BadShardError if the file's content is at fault.
func (r *Reader) Read(ctx context.Context, s *Shard, u Unit) table.Batches {
	return func(yield func(*table.Batch, error) bool) {
		sc := r.scan()
		defer r.put(sc)
		more := true
		err := sc.read(ctx, s, u, func(b *table.Batch) bool {
			more = yield(b, nil)
			return more
		})
		if err != nil && more {
			yield(nil, err)
		}
	}
}

func (r *Reader) scan() *scan {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.idle); n > 0 {
		sc := r.idle[n-1]
		r.idle = r.idle[:n-1]
		return sc
	}
	sc := &scan{r: r, cols: make([]column, len(r.schema)), consts: make([]constant, len(r.schema)), leaves: make([]int, len(r.schema))}
	for i := range sc.cols {
		sc.cols[i].in.shared = &sc.large
	}
	return sc
}

func (r *Reader) put(sc *scan) {
	sc.close()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.idle = append(r.idle, sc)
}

// scan is one reading of one unit; its buffers serve the next unit.
type scan struct {
	r      *Reader
	shard  *Shard
	file   hdfsio.File
	meta   *footer
	leaves []int // of each wanted column: index of its leaf, or -1 if consts has it
	cols   []column
	consts []constant

	granted int64
	flight  chan *slab // the row group that is being fetched
	slab    *slab      // the one that is being decoded

	large []byte // a page of any column that is larger than a block

	mapped []byte // the whole file, where it lies on the local disk
	ahead  func(off, n int64)

	batch table.Batch
}

// slab is the column chunks of a row group, in one buffer.
type slab struct {
	buf    []byte
	chunks [][]byte // by wanted column
	failed int      // the wanted column that err is about, -1: none in particular
	err    error
}

func (sc *scan) close() {
	if sc.flight != nil {
		sc.drop(<-sc.flight)
		sc.flight = nil
	}
	sc.drop(sc.slab)
	sc.slab = nil
	for i := range sc.cols {
		sc.cols[i].in.stop()
		sc.cols[i].vals.dict = nil
	}
	if sc.granted > 0 {
		sc.r.opt.Budget.release(sc.granted)
		sc.granted = 0
	}
	if sc.file != nil {
		sc.file.Close()
		sc.file = nil
	}
	sc.meta, sc.shard, sc.mapped, sc.ahead = nil, nil, nil, nil
}

func (sc *scan) drop(s *slab) {
	if s != nil {
		sc.r.opt.Budget.recycle(s.buf)
	}
}

// blame makes an error about a row group's column name its place; content errors become *BadShardError.
func (sc *scan) blame(group, col int, err error) error {
	name := ""
	if col >= 0 {
		name = sc.r.schema[col].Name
	}
	if unreadable(err) {
		if name == "" {
			return fmt.Errorf("%s: row group %d: %w", sc.shard.Path, group, err)
		}
		return fmt.Errorf("%s: row group %d, column %q: %w", sc.shard.Path, group, name, err)
	}
	return &BadShardError{Path: sc.shard.Path, Shard: sc.shard.Name, RowGroup: group, Column: name, Err: err}
}

func (sc *scan) read(ctx context.Context, s *Shard, u Unit, yield func(*table.Batch) bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f, err := sc.r.fsys.Open(ctx, s.Path)
	if err != nil {
		return err
	}
	sc.file, sc.shard = f, s
	if sc.meta, err = s.footerOf(f); err != nil {
		return err
	}
	if u.From < 0 || u.To > len(sc.meta.groups) || u.From > u.To {
		return fmt.Errorf("%s: row groups %d to %d of %d", s.Path, u.From, u.To, len(sc.meta.groups))
	}
	if err := sc.resolve(); err != nil {
		return err
	}
	groups := sc.kept(u)
	if len(groups) == 0 {
		return nil
	}
	if m, ok := f.(hdfsio.Mapper); ok && sc.r.block == 0 {
		// A file on this machine is read where the page cache has it: a copy would cost as much again as all decoding. A part
		// that has become unreadable faults; that is a panic of the column being decoded, not the end of the process.
		if b, err := m.Map(); err == nil && int64(len(b)) == s.Size {
			sc.mapped, sc.ahead = b, m.Ahead
			defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
		}
	}
	budget := sc.r.opt.Budget
	share := budget.Share()
	var most int64
	for _, g := range groups {
		most = max(most, sc.cost(g))
	}
	grant := min(most, share)
	if len(groups) > 1 {
		grant = min(2*most, share)
	}
	if err := budget.acquire(ctx, grant); err != nil {
		return err
	}
	sc.granted = grant
	for i, g := range groups {
		if sc.mapped != nil && i+1 < len(groups) {
			sc.advise(groups[i+1])
		}
		whole := sc.fits(g)
		if whole {
			if sc.flight == nil {
				sc.launch(g)
			}
			sc.slab, sc.flight = <-sc.flight, nil
			if sc.slab.err != nil {
				return sc.blame(g, sc.slab.failed, sc.slab.err)
			}
		}
		if i+1 < len(groups) && sc.fits(groups[i+1]) {
			sc.launch(groups[i+1])
		}
		if err := sc.begin(g, whole); err != nil {
			return err
		}
		goOn, err := sc.group(ctx, g, yield)
		if err != nil || !goOn {
			return err
		}
		sc.drop(sc.slab)
		sc.slab = nil
	}
	return nil
}

// resolve finds each wanted column in the file.
func (sc *scan) resolve() error {
	s := sc.shard
	for i, f := range sc.r.schema {
		sc.leaves[i] = -1
		if f.Partition {
			p := slices.IndexFunc(s.Partition, func(p PartitionValue) bool { return p.Name == f.Name })
			if p < 0 {
				return fmt.Errorf("%s: column %q: the path has no such partition", s.Path, f.Name)
			}
			col, err := partitionColumn(f, s.Partition[p], table.BatchRows)
			if err != nil {
				return fmt.Errorf("%s: %w", s.Path, err)
			}
			sc.consts[i] = constant{col, table.BatchRows}
			continue
		}
		if err := s.refuses(f.Name); err != nil {
			return err
		}
		for j := range sc.meta.leaves {
			if l := &sc.meta.leaves[j]; l.reason == "" && l.field.Name == f.Name && l.form != formNull {
				if _, ok := unify(l.field, f); !ok {
					return &BadShardError{Path: s.Path, Shard: s.Name, RowGroup: -1,
						Err: fmt.Errorf("column %q is %s, want %s", f.Name, describe(l.field), describe(f))}
				}
				sc.leaves[i] = j
				break
			}
		}
		if sc.leaves[i] < 0 {
			sc.consts[i] = constant{nullColumn(f, table.BatchRows), table.BatchRows}
		}
	}
	return nil
}

// kept is the unit's row groups that have rows and are not pruned.
func (sc *scan) kept(u Unit) []int {
	var groups []int
	for g := u.From; g < u.To; g++ {
		if sc.meta.groups[g].rows == 0 {
			continue
		}
		if p := sc.r.opt.Prune; p != nil && p(sc.groupStats(g)) {
			continue
		}
		groups = append(groups, g)
	}
	return groups
}

// usualPage is how much a decompressed page is reckoned at; most writers end pages at 1 MiB.
const usualPage = 1<<20 + 64<<10

// decoded is how much memory a chunk's decoding is reckoned at: a page and, if there is one, the dictionary.
func (k *chunk) decoded() int64 {
	n := min(max(k.uncompressed, 0), usualPage)
	if k.dictOffset > 0 {
		n *= 2
	}
	return n
}

// cost is the memory for reading a row group with its chunks whole.
func (sc *scan) cost(g int) int64 {
	var n int64
	for _, j := range sc.leaves {
		if j >= 0 {
			k := &sc.meta.groups[g].chunks[j]
			n += k.decoded()
			if sc.mapped == nil {
				n += k.size
			}
		}
	}
	return max(n, 1)
}

// fits reports whether a row group is read with its chunks whole: with the next one it must not exceed the share.
func (sc *scan) fits(g int) bool {
	return sc.mapped == nil && sc.r.block == 0 && sc.cost(g) <= sc.r.opt.Budget.Share()/2
}

// advise says that a row group's chunks will be wanted next.
func (sc *scan) advise(g int) {
	for _, j := range sc.leaves {
		if j >= 0 {
			k := &sc.meta.groups[g].chunks[j]
			sc.ahead(k.start(), k.size)
		}
	}
}

// begin sets the columns at a row group's beginning.
func (sc *scan) begin(g int, whole bool) error {
	var pages, n int64
	for _, j := range sc.leaves {
		if j >= 0 {
			pages += sc.meta.groups[g].chunks[j].decoded()
			n++
		}
	}
	block := 64 << 10
	if n > 0 { // two buffers of two blocks a column, besides the page
		block = int(min(max((sc.r.opt.Budget.Share()-pages)/(4*n), 64<<10), 8<<20))
	}
	if sc.r.block > 0 {
		block = sc.r.block
	}
	for i, j := range sc.leaves {
		if j < 0 {
			continue
		}
		c := &sc.cols[i]
		k := &sc.meta.groups[g].chunks[j]
		if err := c.start(&sc.meta.leaves[j], sc.r.schema[i], k, sc.r.opt.Budget.limit); err != nil {
			return sc.blame(g, i, err)
		}
		switch {
		case sc.mapped != nil:
			c.in.inPlace(sc.mapped[k.start() : k.start()+k.size])
		case whole:
			c.in.whole(sc.slab.chunks[i])
		default:
			c.in.slide(sc.file, k.start(), k.size, block)
		}
	}
	return nil
}

// group yields a row group's batches.
func (sc *scan) group(ctx context.Context, g int, yield func(*table.Batch) bool) (goOn bool, err error) {
	rows := sc.meta.groups[g].rows
	skip := sc.prunedBatches(g)
	var owed int64 // rows that were pruned and that the columns have not passed over yet
	for at, i := int64(0), 0; at < rows; i++ {
		n := int(min(table.BatchRows, rows-at))
		if skip != nil && skip[i] {
			owed += int64(n)
			at += int64(n)
			continue
		}
		if err := ctx.Err(); err != nil {
			return false, err
		}
		b := &sc.batch
		b.Origin = table.Origin{Shard: sc.shard.Name, Path: sc.shard.Path, RowGroup: g, Row: sc.meta.groups[g].first + at}
		b.Rows = n
		b.Names, b.Cols = b.Names[:0], b.Cols[:0]
		for c := range sc.r.schema {
			col, err := sc.column(c, owed, n)
			if err != nil {
				return false, sc.blame(g, c, err)
			}
			b.Names = append(b.Names, sc.r.schema[c].Name)
			b.Cols = append(b.Cols, col)
		}
		owed = 0
		if !yield(b) {
			return false, nil
		}
		at += int64(n)
	}
	if owed == 0 {
		for i, j := range sc.leaves {
			if j < 0 {
				continue
			}
			if err := sc.finish(i); err != nil {
				return false, sc.blame(g, i, err)
			}
		}
	}
	return true, nil
}

// column returns the next n rows of wanted column i, having passed over some.
func (sc *scan) column(i int, skip int64, n int) (col table.Column, err error) {
	if sc.leaves[i] < 0 {
		return sc.consts[i].cut(n), nil
	}
	defer func() {
		if p := recover(); p != nil {
			err = panicError(p)
		}
	}()
	if skip > 0 {
		if err := sc.cols[i].skip(skip); err != nil {
			return nil, err
		}
	}
	if col, err = sc.cols[i].next(n); err == nil && col.Len() != n {
		err = fmt.Errorf("%d rows where %d should be", col.Len(), n)
	}
	return col, err
}

func (sc *scan) finish(i int) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicError(p)
		}
	}()
	return sc.cols[i].finish()
}
