package jobs

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"howdah/hdfsio"
	"howdah/hdfsio/shard"
	"howdah/internal/engine"
	"howdah/internal/expr"
	"howdah/internal/onnx"
	"howdah/internal/strictyaml"
	"howdah/internal/table"
	"howdah/preprocess"
)

// PredictOptions say what scoring is told besides model and data.
type PredictOptions struct {
	Keep     []string // columns of the data to write beside the prediction
	Workers  int
	Reporter Reporter
	Files    *hdfsio.Resolver
}

// Predicted is what scoring came to.
type Predicted struct {
	Job   string `json:"job"`
	Run   string `json:"run"`
	Rows  int64  `json:"rows"`
	Files int    `json:"files"`
	Out   string `json:"out"`
}

// FindModel finds the run that is meant by a job's name (its newest run that succeeded), by JOB/RUN, or by a run's directory.
func FindModel(ctx context.Context, files *hdfsio.Resolver, home *Home, arg string) (*Run, error) {
	job, name, named := strings.Cut(arg, "/")
	if !strings.Contains(name, "/") {
		runs, err := home.Runs(ctx, job)
		if err != nil {
			return nil, err
		}
		for _, r := range slices.Backward(runs) {
			if named && r.ID.String() != name {
				continue
			}
			if ok, err := hdfsio.Exists(ctx, r.Home.FS, r.Path("model", "manifest.json")); err != nil {
				return nil, err
			} else if ok {
				return r, nil
			}
		}
	}
	if r := RunAt(ctx, files, arg); r != nil {
		if ok, _ := hdfsio.Exists(ctx, r.Home.FS, r.Path("model", "manifest.json")); ok {
			return r, nil
		}
	}
	return nil, withClass(UserError, fmt.Errorf("%s: no run with a model: want a job of home %s, JOB/RUN, or a run's directory", arg, home.URI))
}

// RunAt is the run whose directory is named, or nil where that is no run's.
func RunAt(ctx context.Context, files *hdfsio.Resolver, uri string) *Run {
	fsys, dir, err := files.Resolve(ctx, uri)
	if err != nil {
		return nil
	}
	dir = path.Clean(dir)
	runsDir := path.Dir(dir)
	jobDir := path.Dir(runsDir)
	id, ok := parseRunID(path.Base(dir))
	if !ok || path.Base(runsDir) != "runs" {
		return nil
	}
	if ok, err := hdfsio.Exists(ctx, fsys, dir); err != nil || !ok {
		return nil
	}
	return &Run{Home: &Home{fsys, path.Dir(path.Dir(jobDir)), uri}, Job: path.Base(jobDir), ID: id}
}

// Predict scores every row of the Parquet files at data with the run's model.onnx and writes one file for each of them
// below out: the kept columns, `prediction` (the probability of the positive class, or the quantity; of several classes
// `prediction_<class>` each) and, for classes, `predicted_class`.
func Predict(ctx context.Context, run *Run, data, out string, opts PredictOptions) (*Predicted, error) {
	if opts.Workers < 1 {
		opts.Workers = 1
	}
	model, err := run.Read(ctx, "model/model.onnx")
	if err != nil {
		return nil, err
	}
	g, err := onnx.Parse(model)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", run.Path("model", "model.onnx"), err)
	}
	prog, err := onnx.Compile(g)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", run.Path("model", "model.onnx"), err)
	}
	var fitted struct {
		Classes   []string        `json:"classes"`
		Transform json.RawMessage `json:"transform"`
	}
	if err := run.ReadJSON(ctx, "model/fitted.json", &fitted); err != nil {
		return nil, err
	}
	transformer, err := preprocess.LoadTransformer(fitted.Transform)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", run.Path("model", "fitted.json"), err)
	}
	src, spec, err := scoringSource(ctx, run, transformer, data, opts)
	if err != nil {
		return nil, err
	}
	outFS, outDir, err := opts.Files.Resolve(ctx, out)
	if err != nil {
		return nil, err
	}
	if err := spareData(ctx, src.inputs.Shards, outFS, outDir); err != nil {
		return nil, err
	}
	for _, k := range opts.Keep {
		if _, ok := src.schema.Lookup(k); !ok {
			return nil, withClass(UserError, fmt.Errorf("--keep %s: no such column (%s)", k, didYouMean(k, src.file)))
		}
	}
	scan, err := src.scan(append(slices.Clone(transformer.Columns()), opts.Keep...), false, false)
	if err != nil {
		return nil, err
	}
	schema := make(table.Schema, 0, len(opts.Keep)+2)
	for _, k := range opts.Keep {
		f, _ := src.schema.Lookup(k)
		f.Partition = false
		schema = append(schema, f)
	}
	k := 1
	if len(fitted.Classes) > 2 {
		k = len(fitted.Classes)
		for _, c := range fitted.Classes {
			schema = append(schema, table.Field{Name: "prediction_" + c, Type: table.Float32})
		}
	} else {
		schema = append(schema, table.Field{Name: "prediction", Type: table.Float32})
	}
	if fitted.Classes != nil {
		schema = append(schema, table.Field{Name: "predicted_class", Type: table.String})
	}
	threshold := spec.Evaluate.Threshold // predicted_class is what the evaluation counted
	if threshold == 0 {
		threshold = 0.5
	}
	progress := newTracker(opts.Reporter)
	bar := progress.pass("predict", len(src.inputs.Shards), src.inputs.Rows)
	res := &Predicted{Job: run.Job, Run: run.ID.String(), Files: len(src.inputs.Shards), Out: out}
	var mu sync.Mutex
	memory := make([]*scratch, opts.Workers)
	tasks := make([]engine.Task, len(src.inputs.Shards))
	for i, s := range src.inputs.Shards {
		tasks[i] = engine.Task{Func: "predict", Units: []engine.Unit{{Shard: s.Name, Index: i, To: len(s.RowGroups), Rows: s.Rows}}}
	}
	local := &engine.Local{Workers: opts.Workers, Funcs: engine.Funcs{"predict": func(ctx context.Context, worker int, t engine.Task) ([]byte, error) {
		u := t.Units[0]
		if memory[worker] == nil {
			memory[worker] = &scratch{}
		}
		f, err := outFS.Create(ctx, path.Join(outDir, u.Shard))
		if err != nil {
			return nil, err
		}
		defer f.Abort()
		w, err := shard.NewWriter(f, schema)
		if err != nil {
			return nil, err
		}
		err = scan.each(ctx, u, memory[worker], func(b rows) error {
			in, err := transformer.InputTensors(b.Batch)
			if err != nil {
				return err
			}
			scores, err := prog.Run(in, b.Rows)
			if err != nil {
				return fmt.Errorf("%s: row group %d, rows from %d: %w", b.Path, b.RowGroup, b.Row, err)
			}
			bar.rows(int64(b.Rows))
			return w.Write(scored(b.Batch, opts.Keep, schema, fitted.Classes, scores["prediction"].Floats, k, threshold))
		})
		if err != nil {
			return nil, err
		}
		if err := w.Close(); err != nil {
			return nil, err
		}
		mu.Lock()
		res.Rows += u.Rows
		mu.Unlock()
		return nil, f.Commit()
	}}}
	if err := local.Run(ctx, tasks, func(int, []byte) error { return nil }); err != nil {
		return nil, dataError(err)
	}
	bar.done()
	return res, nil
}

// spareData refuses an output that would replace the data that are scored. A file of the same name, length and time is taken for
// the input itself, by whatever address, mount or link it is reached; to refuse a copy of it too loses nothing.
func spareData(ctx context.Context, shards []*shard.Shard, out hdfsio.FS, dir string) error {
	for _, s := range shards {
		at := path.Join(dir, s.Name)
		info, err := out.Stat(ctx, at)
		if err != nil || info.IsDir() {
			continue // nothing there; what is wrong with the place, if anything, writing will say
		}
		if info.Size() == s.Size && info.ModTime().Equal(s.ModTime) {
			return withClass(UserError, fmt.Errorf("out: %s is the file that is read: write the scores to another directory", at))
		}
	}
	return nil
}

// scored makes the batch that is written.
func scored(b *table.Batch, keep []string, schema table.Schema, classes []string, p []float32, k int, threshold float64) *table.Batch {
	out := &table.Batch{Origin: b.Origin, Rows: b.Rows}
	for _, c := range keep {
		out.Put(c, b.Lookup(c))
	}
	for j := range k {
		col := &table.Float32s{Values: make([]float32, b.Rows)}
		for i := range col.Values {
			col.Values[i] = p[i*k+j]
		}
		out.Put(schema[len(keep)+j].Name, col)
	}
	if classes != nil {
		col := &table.Strings{Offsets: make([]uint32, 1, b.Rows+1)}
		for i := range b.Rows {
			best := 0
			if k == 1 {
				if float64(p[i]) >= threshold {
					best = 1
				}
			} else {
				for j := range k {
					if p[i*k+j] > p[i*k+best] {
						best = j
					}
				}
			}
			col.Append([]byte(classes[best]))
		}
		out.Put("predicted_class", col)
	}
	return out
}

// scoringSource is the data to score as a source, with the job of the run: no filter, no label, and of the made columns those that are features.
func scoringSource(ctx context.Context, run *Run, t *preprocess.Transformer, data string, opts PredictOptions) (*source, *Spec, error) {
	b, err := run.Read(ctx, "job.yaml")
	if err != nil {
		return nil, nil, err
	}
	var record PlanRecord
	if err := run.ReadJSON(ctx, "plan.json", &record); err != nil {
		return nil, nil, err
	}
	doc := strictyaml.Parse(run.Path("job.yaml"), b)
	for _, set := range record.Set {
		if err := doc.Set(set); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", run.Path("plan.json"), err)
		}
	}
	var spec Spec
	doc.Decode(&spec)
	if err := doc.Err(); err != nil {
		return nil, nil, err
	}
	in, err := Freeze(ctx, opts.Files, &Spec{Data: Data{Sources: []Source{{Path: data}}}}, time.Now(), opts.Workers)
	if err != nil {
		return nil, nil, dataError(err)
	}
	file, err := shard.Merge(in.Shards)
	if err != nil {
		return nil, nil, dataError(fmt.Errorf("data: %w", err))
	}
	src := &source{inputs: in, budget: shard.NewBudget(128<<20, opts.Workers), types: spec.Data.Types}
	var missing []string
	for _, f := range t.Inputs() {
		if c, ok := spec.Columns[f.Name]; ok && c.Expr != "" {
			continue
		}
		have, ok := file.Lookup(f.Name)
		switch {
		case !ok && !f.Nullable:
			missing = append(missing, f.Name)
		case !ok:
			if opts.Reporter != nil {
				opts.Reporter.Note(fmt.Sprintf("column %s is not in the data; it counts as missing", f.Name))
			}
			file = append(file, f)
		case have.Type != f.Type || have.Nullable != f.Nullable:
			// Read as the model was trained; the reader says so where that is impossible.
			i := slices.IndexFunc(file, func(x table.Field) bool { return x.Name == f.Name })
			part := file[i].Partition
			file[i] = f
			file[i].Partition = part
		}
	}
	if len(missing) > 0 {
		return nil, nil, withClass(DataError, fmt.Errorf("data: the model needs columns that %s lacks: %s", data, strings.Join(missing, ", ")))
	}
	src.file, src.schema = file, slices.Clone(file)
	made, err := madeFeatures(&spec, t, file)
	if err != nil {
		return nil, nil, err
	}
	for _, m := range made {
		src.made = append(src.made, m)
		src.schema = append(src.schema, m.prog.Field(m.name))
	}
	return src, &spec, nil
}

// madeFeatures compiles the expressions whose outcome the model takes.
func madeFeatures(s *Spec, t *preprocess.Transformer, file table.Schema) ([]madeColumn, error) {
	var out []madeColumn
	for _, f := range t.Inputs() {
		c, ok := s.Columns[f.Name]
		if !ok || c.Expr == "" {
			continue
		}
		p, err := expr.Compile(c.Expr, file)
		if err != nil {
			return nil, withClass(DataError, fmt.Errorf("columns.%s.expr: %w", f.Name, err))
		}
		out = append(out, madeColumn{f.Name, p})
	}
	return out, nil
}
