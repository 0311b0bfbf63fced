package jobs

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"howdah/internal/spelling"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // zones are part of the binary: a job means the same on a machine without them

	"howdah/eval"
	"howdah/internal/strictyaml"
	"howdah/preprocess"
	"howdah/train"
)

// Job is a job file that was read and checked as far as it can be without its data.
type Job struct {
	File   string   // where it was read, for messages
	Source []byte   // as written
	Sets   []string // what was overridden, path=value each
	Spec   Spec
	doc    *strictyaml.Doc
}

// Warning is something in a job file that is no mistake but will surprise.
type Warning struct {
	Path string `json:"path"`
	Msg  string `json:"message"`
}

var nameRE = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$`)

// Load reads a job file. All mistakes are found at once; the error is then a strictyaml.Problems. Each of sets is a
// path=value that overrides one value of the file.
func Load(file string, source []byte, sets ...string) (*Job, error) {
	j := &Job{File: file, Source: source, Sets: sets, doc: strictyaml.Parse(file, source)}
	if j.doc.Root == nil {
		return nil, j.doc.Err()
	}
	for _, s := range sets {
		if err := j.doc.Set(s); err != nil {
			return nil, err
		}
	}
	j.doc.Decode(&j.Spec)
	if err := j.check(); err != nil {
		return nil, err
	}
	j.defaults()
	return j, nil
}

// Err returns the mistakes so far.
func (j *Job) Err() error { return j.doc.Err() }

func (j *Job) fail(path, format string, args ...any) {
	j.doc.Report(path, fmt.Sprintf(format, args...), "")
}

func (j *Job) oneOf(path, v string, names []string) {
	if v == "" || slices.Contains(names, v) {
		return
	}
	hint := ""
	if near := spelling.Nearest(v, names); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	j.doc.Report(path, fmt.Sprintf("want one of %s, have %q", strings.Join(names, ", "), v), hint)
}

func (j *Job) check() error {
	s := &j.Spec
	if j.doc.At("version") != nil && s.Version != 1 {
		j.fail("version", "this howdah reads version 1, have %d", s.Version)
	}
	switch {
	case s.Name == "":
		j.fail("name", "a job needs a name; it becomes a directory of the home")
	case !nameRE.MatchString(s.Name):
		j.fail("name", "want letters, digits, - and _, beginning with a letter or digit, have %q", s.Name)
	}
	j.checkData()
	labels := 0
	for _, name := range slices.Sorted(maps.Keys(s.Columns)) {
		c := s.Columns[name]
		at := strictyaml.Join("columns", name)
		j.oneOf(at+".role", c.Role, Roles)
		if c.Role == RoleLabel {
			labels++
			if labels > 1 {
				j.fail(at+".role", "a second label; a job has one")
			}
		} else if c.Type != "" {
			j.fail(at+".type", "only a label has a type; data.types reads a column as another type")
		}
		j.oneOf(at+".type", c.Type, []string{"binary", "multiclass", "regression"})
		if c.Role == "" && c.Expr == "" {
			j.fail(at, "want a role or an expr; a plain feature needs no entry here")
		}
	}
	if labels == 0 {
		j.fail("columns", "no column has role: label; say which one is to be predicted, such as columns: {late: {role: label}}")
	}
	for _, role := range []string{RoleID, RoleTime, RoleGroup, RoleWeight} {
		if many := j.Spec.columnsOf(role); len(many) > 1 {
			j.fail(strictyaml.Join("columns", many[1])+".role", "a second column with role %s; the first is %s", role, many[0])
		}
	}
	s.Split = s.Split.WithDefaults()
	if s.Split.Method == "time" {
		set(&s.Split.Column, s.column(RoleTime))
	}
	j.doc.ReportErr("split", s.Split.Validate())
	for i, r := range s.Features {
		j.doc.ReportErr(fmt.Sprintf("features[%d]", i), r.Validate())
	}
	for i, r := range s.Selection {
		j.doc.ReportErr(fmt.Sprintf("selection[%d]", i), r.Validate())
	}
	j.doc.ReportErr("", s.TrainConfig().Validate())
	j.checkZeros()
	for i, m := range s.Evaluate.Metrics {
		if m == "calibration" { // short for the one number that sums it up
			m = "calibration_error"
			s.Evaluate.Metrics[i] = m
		}
		j.oneOf(fmt.Sprintf("evaluate.metrics[%d]", i), m, eval.MetricNames())
	}
	if t := s.Evaluate.Threshold; j.doc.At("evaluate.threshold") != nil && !(t > 0 && t < 1) {
		j.fail("evaluate.threshold", "want a probability between 0 and 1, have %v", t)
	}
	if c := s.Evaluate.Confidence; j.doc.At("evaluate.confidence") != nil && !(c > 0 && c < 1) {
		j.fail("evaluate.confidence", "want a share between 0 and 1, have %v", c)
	}
	if sch := s.Schedule; sch != nil && sch.TimeZone != "" {
		if _, err := time.LoadLocation(sch.TimeZone); err != nil {
			j.fail("schedule.time_zone", "unknown zone %q; want an IANA name such as America/New_York", sch.TimeZone)
		}
	}
	if s.Runtime.Workers < 0 {
		j.fail("runtime.workers", "want at least 1, have %d", s.Runtime.Workers)
	}
	if s.Runtime.Memory != "" {
		if _, err := ParseBytes(s.Runtime.Memory); err != nil {
			j.fail("runtime.memory", "%v", err)
		}
	}
	j.oneOf("runtime.kernel", s.Runtime.Kernel, []string{"fma", "portable"})
	return j.doc.Err()
}

func (j *Job) checkData() {
	d := &j.Spec.Data
	switch {
	case d.Path != "" && len(d.Sources) > 0:
		j.fail("data.path", "give path or sources, not both")
	case d.Path == "" && len(d.Sources) == 0:
		j.fail("data.path", "a job needs data: a directory, a file or a glob of Parquet files")
	}
	for i, src := range d.Sources {
		if src.Path == "" {
			j.fail(fmt.Sprintf("data.sources[%d].path", i), "empty")
		}
	}
	paths := j.Spec.paths()
	ds := slices.ContainsFunc(paths, func(p string) bool { return strings.Contains(p, "{ds}") })
	w := d.Window
	switch {
	case w != nil && !ds:
		j.fail("data.window", "no path has {ds}, the place of the window's dates, such as day={ds}")
	case w != nil:
		const day = 24 * time.Hour
		if w.Step == 0 {
			w.Step = day
		}
		if w.From%day != 0 || w.To%day != 0 || w.Step%day != 0 || w.Step < day {
			j.fail("data.window", "want whole days (-60d, 0d, step 1d)")
		} else if w.From >= w.To {
			j.fail("data.window", "is empty: from %v is not before to %v", days(w.From), days(w.To))
		}
	}
	j.oneOf("data.bad_shards", d.BadShards, []string{"fail", "skip"})
	for _, c := range slices.Sorted(maps.Keys(d.Types)) {
		j.oneOf(strictyaml.Join("data.types", c), d.Types[c], []string{"string"})
	}
}

func days(d time.Duration) string { return strconv.Itoa(int(d/(24*time.Hour))) + "d" }

func (j *Job) defaults() {
	s := &j.Spec
	s.Version = 1
	set(&s.Home, "howdah-home")
	set(&s.Data.BadShards, "fail")
	if s.Data.Path != "" {
		s.Data.Sources = []Source{{Path: s.Data.Path}}
	}
	set(&s.Evaluate.Threshold, 0.5)
	set(&s.Evaluate.Confidence, 0.95)
	set(&s.Runtime.Memory, "128MiB")
	for name, c := range s.Columns {
		if c.Role == "" {
			c.Role = RoleFeature
			s.Columns[name] = c
		}
	}
	if s.Selection == nil {
		zero := 0.0
		s.Selection = []preprocess.SelectRule{{Method: "variance", Min: &zero}}
	}
	s.trainDefaults()
}

func set[T comparable](p *T, v T) {
	var zero T
	if *p == zero {
		*p = v
	}
}

// TrainConfig is the part of the job that is train's.
func (s *Spec) TrainConfig() train.Config {
	return train.Config{Model: s.Model, Loss: s.Loss, Optimizer: s.Optimizer, Train: s.Train}
}

func (s *Spec) paths() []string {
	if s.Data.Path != "" {
		return []string{s.Data.Path}
	}
	var out []string
	for _, x := range s.Data.Sources {
		out = append(out, x.Path)
	}
	return out
}

// columnsOf lists the columns of a role by name.
func (s *Spec) columnsOf(role string) []string {
	var out []string
	for _, n := range slices.Sorted(maps.Keys(s.Columns)) {
		if s.Columns[n].Role == role {
			out = append(out, n)
		}
	}
	return out
}

// column is the one column of a role, or "".
func (s *Spec) column(role string) string {
	if c := s.columnsOf(role); len(c) > 0 {
		return c[0]
	}
	return ""
}

// Zone is the schedule's time zone, UTC by default.
func (s *Spec) Zone() *time.Location {
	if s.Schedule != nil && s.Schedule.TimeZone != "" {
		if z, err := time.LoadLocation(s.Schedule.TimeZone); err == nil {
			return z
		}
	}
	return time.UTC
}

// RecipeHash identifies what is computed from what kind of data: the resolved job without paths, schedule, notifications,
// promotion, runtime and home. Two runs of one recipe differ only by the rows they saw.
func (s *Spec) RecipeHash() string {
	r := *s
	r.Home, r.Schedule, r.Promote, r.Runtime = "", nil, nil, Runtime{}
	r.Data.Path, r.Data.Sources, r.Data.Ready = "", nil, nil
	b, err := json.Marshal(r)
	if err != nil {
		panic("jobs: a job that was read cannot be written: " + err.Error())
	}
	sum := sha256.Sum256(append([]byte("howdah recipe 1\n"), b...))
	return hex.EncodeToString(sum[:16])
}

var sizeRE = regexp.MustCompile(`^([0-9]+)\s*(B|[KMGT]i?B)?$`)

// ParseBytes reads a number of bytes such as 128MiB or 2GB.
func ParseBytes(s string) (int64, error) {
	m := sizeRE.FindStringSubmatch(strings.TrimSpace(s))
	if m == nil {
		return 0, fmt.Errorf("want a size such as 128MiB or 2GB, have %q", s)
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("want a size such as 128MiB or 2GB, have %q", s)
	}
	unit := int64(1)
	if len(m[2]) > 1 {
		base := int64(1000)
		if strings.Contains(m[2], "i") {
			base = 1024
		}
		for range strings.IndexByte("KMGT", m[2][0]) + 1 {
			unit *= base
		}
	}
	if n > (1<<62)/unit {
		return 0, fmt.Errorf("%q is more than any machine has", s)
	}
	return n * unit, nil
}

// Warnings lists what is no mistake but will surprise.
func (j *Job) Warnings() []Warning {
	var out []Warning
	warn := func(path, msg string) {
		if j.doc.At(path) != nil {
			out = append(out, Warning{path, msg})
		}
	}
	warn("promote", "read and recorded; howdah run publishes the model in its run directory and decides nothing")
	warn("evaluate.slices", "read and recorded; this version measures the whole of each side only")
	warn("data.ready", "for the scheduler; howdah run does not wait for data")
	return out
}
