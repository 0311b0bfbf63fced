// Package jobs turns a job file into a model: YAML -> plan -> passes -> model, and keeps the run's directory and record.
//
// Start reading in spec.go (the job file), then run.go (the phases of a run, in order), pass.go (how a pass maps units and
// merges parts) and record.go (what lies where in the home).
//
// Invariant: everything a run decides is a function of the job file, the slot and the frozen list of inputs. Passes read
// exactly those inputs; whatever is kept is keyed by the content it depends on.
package jobs

import (
	"time"

	"howdah/preprocess"
	"howdah/train"
)

// Spec is a job file. What is not said has the default that Load puts there.
type Spec struct {
	Version   int                     `yaml:"version" doc:"of the job file's format: 1"`
	Name      string                  `yaml:"name" doc:"the job's name: letters, digits, - and _; one directory of the home"`
	Home      string                  `yaml:"home" doc:"where runs and models are kept: a directory or an hdfs:// address; default howdah-home"`
	Schedule  *Schedule               `yaml:"schedule" doc:"when the scheduler starts the job; run ignores it, but for the time zone"`
	Data      Data                    `yaml:"data" doc:"which rows are read"`
	Columns   map[string]Column       `yaml:"columns" doc:"roles of columns, and columns made by expressions"`
	Split     preprocess.Split        `yaml:"split" doc:"which rows train, which validate, which test"`
	Features  []preprocess.Rule       `yaml:"features" doc:"what is done to which columns; default: something sensible by type for all that have no role"`
	Selection []preprocess.SelectRule `yaml:"selection" doc:"which features stay, rule after rule; default: all but constant ones"`
	Model     train.ModelConfig       `yaml:"model" doc:"what is fitted"`
	Loss      train.LossConfig        `yaml:"loss" doc:"what is minimised"`
	Optimizer train.OptimizerConfig   `yaml:"optimizer" doc:"how it is minimised"`
	Train     train.TrainConfig       `yaml:"train" doc:"epochs, batches, seed and when to stop"`
	Evaluate  Evaluate                `yaml:"evaluate" doc:"what is measured"`
	Promote   map[string]any          `yaml:"promote" doc:"gates for replacing the champion; read by the scheduler's decisions, not by this version's run"`
	Runtime   Runtime                 `yaml:"runtime" doc:"workers, memory and scratch space; never part of a result"`
}

// Schedule says when a job runs. The scheduler gives it meaning; here only the zone matters, for the slot of a run by hand.
type Schedule struct {
	Cron     string         `yaml:"cron" doc:"five fields: minute hour day month weekday"`
	TimeZone string         `yaml:"time_zone" doc:"an IANA name such as America/New_York; default UTC"`
	CatchUp  map[string]any `yaml:"catch_up" doc:"what becomes of missed slots"`
}

// Data says which rows are read.
type Data struct {
	Path      string            `yaml:"path" doc:"a directory, a file or a glob of Parquet; {ds} stands for each date of the window. Short for one entry of sources"`
	Sources   []Source          `yaml:"sources" doc:"several paths, read one after the other"`
	Window    *Window           `yaml:"window" doc:"the dates that {ds} takes, relative to the slot's date"`
	Ready     map[string]any    `yaml:"ready" doc:"when the data count as complete; for the scheduler"`
	Where     string            `yaml:"where" doc:"an expression; rows for which it is not true are not part of the data"`
	BadShards string            `yaml:"bad_shards" doc:"fail (default), or skip: a shard that cannot be read is left out, counted and listed in the record"`
	Types     map[string]string `yaml:"types" doc:"columns read as another type: string, for integers that are names"`
}

// Source is one path of Parquet files.
type Source struct {
	Path string `yaml:"path" doc:"a directory, a file or a glob"`
}

// Window is the dates [slot + From, slot + To) by Step.
type Window struct {
	From time.Duration `yaml:"from" doc:"such as -60d"`
	To   time.Duration `yaml:"to" doc:"such as 0d: up to and without the slot's own date"`
	Step time.Duration `yaml:"step" doc:"1d"`
}

// Column gives a column a role, or makes one.
type Column struct {
	Role string `yaml:"role" doc:"label, id, time, group, weight, ignore, or feature (default where there is an expr)"`
	Expr string `yaml:"expr" doc:"an expression over the data's columns; the column is then made, not read"`
	Type string `yaml:"type" doc:"of a label: binary, multiclass or regression; default by its values"`
	// Positive is text even where the values are numbers or truth values: 1, true.
	Positive string `yaml:"positive" doc:"of a binary label: the value, as text, that counts as positive; default the greater one"`
}

// The roles of columns.
const (
	RoleLabel   = "label"
	RoleID      = "id"
	RoleTime    = "time"
	RoleGroup   = "group"
	RoleWeight  = "weight"
	RoleIgnore  = "ignore"
	RoleFeature = "feature"
)

// Roles lists the roles in the order of the documentation.
var Roles = []string{RoleLabel, RoleID, RoleTime, RoleGroup, RoleWeight, RoleIgnore, RoleFeature}

// Evaluate says what is measured. Every metric is computed; these are the ones shown first.
type Evaluate struct {
	Metrics    []string `yaml:"metrics" doc:"the metrics to show, in order; default by the label's type"`
	Threshold  float64  `yaml:"threshold" doc:"probability from which a row counts as positive; default 0.5"`
	Slices     []string `yaml:"slices" doc:"columns whose values are evaluated one by one"`
	Confidence float64  `yaml:"confidence" doc:"of the intervals; default 0.95"`
}

// Runtime is what a machine gives. Nothing in it changes a result.
type Runtime struct {
	Workers int    `yaml:"workers" doc:"cores to use; default all"`
	Memory  string `yaml:"memory" doc:"budget for data being read, such as 128MiB; default 128MiB"`
	Scratch string `yaml:"scratch" doc:"local directory for encoded rows; default the system's"`
	Kernel  string `yaml:"kernel" doc:"fma or portable: the class of vector kernels; default the fastest here. It is recorded, because it decides the last bits"`
}
