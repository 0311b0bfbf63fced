package preprocess

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"testing"

	"howdah/internal/table"
)

// oracleFile is testdata/steps.json, made by the script beside it.
type oracleFile struct {
	Columns struct {
		Delay                      []*float64
		Distance, Offset, Constant []float64
		Few, Stamp                 []int64
		Carrier                    []string
	}
	Cases []struct {
		Name, Column string
		Rule         map[string]any
		Dense        []float64
		Codes        []int32
	}
}

// plainJSON turns JSON's numbers into what the decoder of job files hands over: int64 or float64.
func plainJSON(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		x, _ := v.Float64()
		return x
	case []any:
		for i := range v {
			v[i] = plainJSON(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = plainJSON(v[k])
		}
	}
	return v
}

// ruleOf makes a rule from what a job file has.
func ruleOf(t testing.TB, column string, m map[string]any) Rule {
	t.Helper()
	r := Rule{Columns: Selector{Names: []string{column}}}
	for k, v := range m {
		var err error
		switch v = plainJSON(v); k {
		case "missing":
			err = r.Missing.UnmarshalJob(v)
		case "clip":
			err = r.Clip.UnmarshalJob(v)
		case "scale":
			err = r.Scale.UnmarshalJob(v)
		case "encode":
			err = r.Encode.UnmarshalJob(v)
		case "date_parts":
			r.Parts, err = nameList(k, v.([]any))
		default:
			t.Fatalf("the test does not know %q", k)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func (o *oracleFile) batch() (table.Schema, *table.Batch) {
	c := &o.Columns
	b := &table.Batch{Origin: table.Origin{Shard: "oracle"}, Rows: len(c.Few)}
	delay := &table.Float64s{Values: make([]float64, b.Rows), Valid: table.NewBitmap(b.Rows)}
	for i, x := range c.Delay {
		if x != nil {
			delay.Values[i] = *x
			delay.Valid.Set(i)
		}
	}
	carrier := new(table.Strings)
	for _, s := range c.Carrier {
		carrier.Append([]byte(s))
	}
	b.Put("delay", delay)
	b.Put("distance", &table.Float64s{Values: c.Distance})
	b.Put("offset", &table.Float64s{Values: c.Offset})
	b.Put("constant", &table.Float64s{Values: c.Constant})
	b.Put("few", &table.Int64s{Values: c.Few})
	b.Put("stamp", &table.Int64s{Values: c.Stamp})
	b.Put("carrier", carrier)
	return table.Schema{
		{Name: "delay", Type: table.Float64, Nullable: true}, {Name: "distance", Type: table.Float64},
		{Name: "offset", Type: table.Float64}, {Name: "constant", Type: table.Float64}, {Name: "few", Type: table.Int64},
		{Name: "carrier", Type: table.String}, {Name: "stamp", Type: table.Timestamp, Unit: table.Micro},
	}, b
}

// TestOracle compares every kind with scikit-learn, numpy and pandas. Up to 1,024 rows quantiles are exact.
func TestOracle(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/steps.json")
	if err != nil {
		t.Fatal(err)
	}
	var o oracleFile
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(&o); err != nil {
		t.Fatal(err)
	}
	if len(o.Cases) < 30 {
		t.Fatalf("the file has %d cases", len(o.Cases))
	}
	schema, b := o.batch()
	for _, c := range o.Cases {
		t.Run(c.Name+" "+c.Column, func(t *testing.T) {
			p, err := Compile(schema, []Rule{ruleOf(t, c.Column, c.Rule)}, Roles{}, Options{})
			if err != nil {
				t.Fatal(err)
			}
			s := p.NewState()
			for w := range p.Waves() {
				part, err := p.NewPart(w, s)
				if err != nil {
					t.Fatal(err)
				}
				if err := part.Update(b, nil); err != nil {
					t.Fatal(err)
				}
				if err := p.Fit(s, w, part); err != nil {
					t.Fatal(err)
				}
			}
			tr, err := p.Transformer(s, nil)
			if err != nil {
				t.Fatal(err)
			}
			var got table.Encoded
			if err := tr.Apply(b, &got); err != nil {
				t.Fatal(err)
			}
			if len(got.Dense) != len(c.Dense) || len(got.Codes) != len(c.Codes) {
				t.Fatalf("%d dense and %d codes, want %d and %d", len(got.Dense), len(got.Codes), len(c.Dense), len(c.Codes))
			}
			for i, want := range c.Dense {
				// float32 rounding, and the oracle's own: it centres in double too, about a mean summed otherwise.
				if x := float64(got.Dense[i]); math.Abs(x-want) > 1e-7*math.Abs(want)+2e-7 {
					t.Fatalf("row %d: %v, want %v", i, x, want)
				}
			}
			for i, want := range c.Codes {
				if got.Codes[i] != want {
					t.Fatalf("row %d: code %d, want %d", i, got.Codes[i], want)
				}
			}
			sameBits(t, tr.Layout(), "graph", graphOf(t, tr, b), &got)
		})
	}
}
