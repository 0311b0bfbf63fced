package jobs

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"howdah/hdfsio"
	"howdah/hdfsio/shard"
	"howdah/internal/engine"
	"howdah/internal/table"
)

// Inputs is the frozen list of files that a run reads: inputs.json. Every pass and every resumption reads exactly these.
type Inputs struct {
	Slot    string
	Paths   []string // as the job names them, dates filled in
	Shards  []*shard.Shard
	Skipped []Skipped
	Rows    int64
	Bytes   int64
	fsOf    []hdfsio.FS // of each shard
}

// MarshalJSON writes the record: a schema that shards share is written once, so that the list of ten thousand files stays
// short.
func (in *Inputs) MarshalJSON() ([]byte, error) {
	type file struct {
		Name      string                 `json:"name"`
		Path      string                 `json:"path"`
		Size      int64                  `json:"size"`
		ModTime   time.Time              `json:"mod_time"`
		Rows      int64                  `json:"rows"`
		FooterSum string                 `json:"footer_sum"`
		Groups    []int64                `json:"row_groups"` // rows of each
		Partition []shard.PartitionValue `json:"partition,omitempty"`
		Schema    int                    `json:"schema"` // index into schemas
	}
	var schemas []table.Schema
	files := make([]file, len(in.Shards))
	for i, s := range in.Shards {
		k := slices.IndexFunc(schemas, func(x table.Schema) bool { return slices.Equal(x, s.Schema) })
		if k < 0 {
			k = len(schemas)
			schemas = append(schemas, s.Schema)
		}
		f := file{s.Name, s.Path, s.Size, s.ModTime, s.Rows, s.FooterSum, nil, s.Partition, k}
		for _, g := range s.RowGroups {
			f.Groups = append(f.Groups, g.Rows)
		}
		files[i] = f
	}
	return json.Marshal(map[string]any{"slot": in.Slot, "paths": in.Paths, "rows": in.Rows, "bytes": in.Bytes,
		"skipped": in.Skipped, "schemas": schemas, "shards": files})
}

// Skipped is a shard that data.bad_shards: skip left out.
type Skipped struct {
	Shard  string `json:"shard"`
	Path   string `json:"path"`
	Reason string `json:"reason"`
}

// NotReadyError says that data of the window are missing.
type NotReadyError struct{ Missing []string }

func (e *NotReadyError) Error() string {
	shown := e.Missing[:min(len(e.Missing), 5)]
	more := ""
	if n := len(e.Missing) - len(shown); n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	return fmt.Sprintf("data not ready: no file for %s%s", strings.Join(shown, ", "), more)
}

// dates are what {ds} stands for at a slot.
func (s *Spec) dates(slot time.Time) []string {
	day := time.Date(slot.Year(), slot.Month(), slot.Day(), 0, 0, 0, 0, time.UTC)
	if s.Data.Window == nil {
		return []string{day.Format(time.DateOnly)}
	}
	var out []string
	for d := s.Data.Window.From; d < s.Data.Window.To; d += s.Data.Window.Step {
		out = append(out, day.Add(d).Format(time.DateOnly))
	}
	return out
}

// found is a file that a source names.
type found struct {
	fsys       hdfsio.FS
	path, name string
	parts      []shard.PartitionValue
}

// partitionValues reads the hive partitions of a source's files from their paths.
func partitionValues(root string, files []found) error {
	paths := make([]string, len(files))
	for i, f := range files {
		paths[i] = f.path
	}
	cols, err := hdfsio.Partitions(root, paths)
	if err != nil {
		return err
	}
	for _, c := range cols {
		for i, v := range c.Values {
			files[i].parts = append(files[i].parts, shard.PartitionValue{Name: c.Field.Name, Value: v.Text, Null: v.Null})
		}
	}
	return nil
}

// Freeze lists the job's files at a slot and reads their footers.
func Freeze(ctx context.Context, files *hdfsio.Resolver, s *Spec, slot time.Time, workers int) (*Inputs, error) {
	in := &Inputs{Slot: slot.Format(SlotLayout)}
	var all []found
	var missing []string
	for i, src := range s.Data.Sources {
		paths := []string{src.Path}
		if strings.Contains(src.Path, "{ds}") {
			paths = nil
			for _, d := range s.dates(slot) {
				paths = append(paths, strings.ReplaceAll(src.Path, "{ds}", d))
			}
		}
		fsys, pattern, err := files.Resolve(ctx, src.Path)
		if err != nil {
			return nil, withClass(UserError, fmt.Errorf("data: %w", err))
		}
		root := hdfsio.Root(pattern)
		var own []found
		for _, p := range paths {
			in.Paths = append(in.Paths, p)
			_, pattern, err := files.Resolve(ctx, p)
			if err != nil {
				return nil, fmt.Errorf("data: %w", err)
			}
			entries, err := hdfsio.Glob(ctx, fsys, pattern)
			if errors.Is(err, fs.ErrNotExist) && len(paths) > 1 {
				missing = append(missing, p)
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("data: %w", err)
			}
			var more []found
			if root, more, err = named(fsys, root, entries); err != nil {
				return nil, withClass(DataError, fmt.Errorf("data: %w", err))
			}
			own = append(own, more...)
		}
		if err := partitionValues(root, own); err != nil {
			return nil, withClass(DataError, fmt.Errorf("data: %w", err))
		}
		for _, f := range own {
			if i > 0 { // of the first source they stand for themselves: a second one moves no row of it
				f.name = fmt.Sprintf("%d:%s", i, f.name)
			}
			all = append(all, f)
		}
	}
	if len(missing) > 0 {
		return nil, &NotReadyError{missing}
	}
	slices.SortStableFunc(all, func(a, b found) int { return cmp.Compare(a.name, b.name) })
	all = slices.CompactFunc(all, func(a, b found) bool { return a.name == b.name && a.path == b.path })
	for i := 1; i < len(all); i++ {
		if all[i].name == all[i-1].name {
			return nil, withClass(DataError, fmt.Errorf("data: %s and %s would both be known as %s; rename one", all[i-1].path, all[i].path, all[i].name))
		}
	}

	shards := make([]*shard.Shard, len(all))
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	gate := make(chan struct{}, max(4*workers, 8))
	for i, f := range all {
		gate <- struct{}{}
		wg.Go(func() {
			defer func() { <-gate }()
			if err := ctx.Err(); err != nil {
				errs[i] = context.Cause(ctx)
				return
			}
			shards[i], errs[i] = shard.Inspect(ctx, f.fsys, f.path, f.name)
		})
	}
	wg.Wait()
	for i, f := range all {
		if err := errs[i]; err != nil {
			var bad *shard.BadShardError
			if s.Data.BadShards == "skip" && errors.As(err, &bad) {
				in.Skipped = append(in.Skipped, Skipped{f.name, f.path, err.Error()})
				continue
			}
			if errors.As(err, &bad) {
				return nil, fmt.Errorf("%w (data.bad_shards: skip would leave it out)", err)
			}
			return nil, err
		}
		shards[i].Partition = f.parts
		in.add(shards[i], f.fsys)
	}
	if len(in.Shards) == 0 {
		if len(in.Skipped) > 0 {
			return nil, fmt.Errorf("data: all %d files are bad; the first: %s", len(in.Skipped), in.Skipped[0].Reason)
		}
		return nil, fmt.Errorf("data: no Parquet file in %s", strings.Join(in.Paths, ", "))
	}
	if in.Rows == 0 {
		return nil, fmt.Errorf("data: %d files hold no row", len(in.Shards))
	}
	return in, nil
}

func (in *Inputs) add(s *shard.Shard, fsys hdfsio.FS) {
	in.Shards = append(in.Shards, s)
	in.fsOf = append(in.fsOf, fsys)
	in.Rows += s.Rows
	in.Bytes += s.Size
}

// skip drops a shard that turned out to be bad.
func (in *Inputs) skip(name string, reason error) bool {
	i := slices.IndexFunc(in.Shards, func(s *shard.Shard) bool { return s.Name == name })
	if i < 0 {
		return false
	}
	s := in.Shards[i]
	in.Skipped = append(in.Skipped, Skipped{s.Name, s.Path, reason.Error()})
	in.Shards = slices.Delete(in.Shards, i, i+1)
	in.fsOf = slices.Delete(in.fsOf, i, i+1)
	in.Rows -= s.Rows
	in.Bytes -= s.Size
	return true
}

// Fingerprint identifies the content: names below the root, lengths, times and footers, and what was left out.
func (in *Inputs) Fingerprint() string {
	h := sha256.New()
	put := func(s string) {
		var n [8]byte
		binary.LittleEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
	for _, s := range in.Shards {
		put(s.Name)
		put(s.FooterSum)
		put(fmt.Sprint(s.Size, s.ModTime.UnixNano()))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// units cuts the inputs into the units of all passes.
func (in *Inputs) units() []engine.Unit {
	cut := shard.Units(in.Shards, 0)
	out := make([]engine.Unit, len(cut))
	for i, u := range cut {
		s := in.Shards[u.Shard]
		out[i] = engine.Unit{Shard: s.Name, Size: s.Size, ModTime: s.ModTime.UnixNano(), Footer: s.FooterSum,
			Index: u.Shard, From: u.From, To: u.To, FirstRow: u.FirstRow, Rows: u.Rows}
	}
	return out
}

// parquetOnly leaves out other files that lie beside the Parquet ones.
func parquetOnly(entries []hdfsio.Entry) []hdfsio.Entry {
	is := func(e hdfsio.Entry) bool {
		ext := path.Ext(e.Path)
		return ext == ".parquet" || ext == ".parq" || ext == ".pq"
	}
	if !slices.ContainsFunc(entries, is) {
		return entries // named without an extension, as some writers do
	}
	return slices.DeleteFunc(slices.Clone(entries), func(e hdfsio.Entry) bool { return !is(e) })
}

// named gives the Parquet files of a source their names below its root. Of a source that is one file the root is its
// directory.
func named(fsys hdfsio.FS, root string, entries []hdfsio.Entry) (string, []found, error) {
	var out []found
	for _, e := range parquetOnly(entries) {
		if root == path.Clean(e.Path) {
			root = path.Dir(root)
		}
		name, ok := hdfsio.Below(root, path.Clean(e.Path))
		if !ok {
			return root, nil, fmt.Errorf("%s does not lie below %s", e.Path, root)
		}
		out = append(out, found{fsys: fsys, path: e.Path, name: name})
	}
	return root, out, nil
}
