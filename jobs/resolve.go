package jobs

// Defaults of training that do not depend on the data, or not on all of it.

import (
	"reflect"

	"howdah/eval"
	"howdah/train"
)

// labelType is a type that the label may turn out to have.
type labelType struct {
	task    eval.Task
	classes int // as train counts them: 0 is a quantity; 3 stands for every larger number
	words   string
}

// labelTypes lists the types that the label may have, as far as the job file tells.
func (s *Spec) labelTypes() []labelType {
	all := []labelType{
		{eval.Regression, 0, "a quantity"},
		{eval.Binary, 2, "two classes"},
		{eval.Multiclass, 3, "more classes"},
	}
	switch s.Columns[s.column(RoleLabel)].Type {
	case "regression":
		return all[:1]
	case "binary":
		return all[1:2]
	case "multiclass":
		return all[2:]
	}
	return all
}

// resolution is the training configuration for one type of label.
type resolution struct {
	label  labelType
	config train.Config
}

// resolveEach resolves the configuration for each type of label that it can be used with.
func resolveEach(c train.Config, labels []labelType) []resolution {
	var out []resolution
	for _, l := range labels {
		if r, err := c.Resolve(l.classes); err == nil {
			out = append(out, resolution{l, r})
		}
	}
	return out
}

// trainDefaults fills in the defaults of training that are the same whatever the label turns out to be, so that a job file
// that writes a default out is the same recipe as one that leaves it out. Where the configuration excludes a type of label,
// the types of model and loss stay as written: should the label have that type after all, the message must be about what
// was written.
func (s *Spec) trainDefaults() {
	labels := s.labelTypes()
	c := s.TrainConfig()
	each := resolveEach(c, labels)
	if len(each) == 0 {
		return
	}
	configs := make([]reflect.Value, len(each))
	for i := range each {
		configs[i] = reflect.ValueOf(each[i].config)
	}
	common := c
	agree(reflect.ValueOf(&common).Elem(), configs)
	if len(each) < len(labels) {
		common.Model.Type, common.Loss.Type = c.Model.Type, c.Loss.Type
	}
	s.Model, s.Loss, s.Optimizer, s.Train = common.Model, common.Loss, common.Optimizer, common.Train
}

// agree sets in dst whatever is equal in all of vs.
func agree(dst reflect.Value, vs []reflect.Value) {
	if dst.Kind() == reflect.Struct {
		for i := range dst.NumField() {
			fields := make([]reflect.Value, len(vs))
			for k, v := range vs {
				fields[k] = v.Field(i)
			}
			agree(dst.Field(i), fields)
		}
		return
	}
	if dst.Kind() == reflect.Pointer && dst.Type().Elem().Kind() == reflect.Struct && !dst.IsNil() {
		inner := make([]reflect.Value, len(vs))
		for k, v := range vs {
			if v.IsNil() {
				return
			}
			inner[k] = v.Elem()
		}
		own := reflect.New(dst.Type().Elem())
		own.Elem().Set(dst.Elem())
		agree(own.Elem(), inner)
		dst.Set(own)
		return
	}
	for _, v := range vs[1:] {
		if !reflect.DeepEqual(v.Interface(), vs[0].Interface()) {
			return
		}
	}
	dst.Set(vs[0])
}

// checkZeros finds counts that are written as 0: for the types they are "not said", for whoever wrote them they are not.
func (j *Job) checkZeros() {
	for _, path := range []string{"train.epochs", "train.batch_size", "train.slice", "optimizer.schedule.every", "optimizer.schedule.epochs"} {
		if n := j.doc.At(path); n != nil && (n.Value == int64(0) || n.Value == 0.0) {
			j.fail(path, "want a whole number of at least 1, have 0")
		}
	}
}
