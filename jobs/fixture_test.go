package jobs

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"howdah/hdfsio/shard"
	"howdah/internal/table"
)

// writeShard writes one Parquet file.
func writeShard(t testing.TB, file string, schema table.Schema, b *table.Batch) {
	t.Helper()
	var buf bytes.Buffer
	w, err := shard.NewWriter(&buf, schema)
	if err != nil {
		t.Fatal(err)
	}
	if b != nil && b.Rows > 0 {
		if err := w.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, buf.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// hash01 is a number in [0,1) that depends on its arguments only.
func hash01(seed, i int) float64 {
	x := uint64(seed)*0x9e3779b97f4a7c15 + uint64(i)*0xbf58476d1ce4e5b9
	x ^= x >> 31
	x *= 0x94d049bb133111eb
	x ^= x >> 29
	return float64(x>>11) / (1 << 53)
}

// people makes n rows with a label that depends on them: age (nullable), income (long-tailed), city (text, nullable), member (bool),
// joined (date), score (what the label follows, with noise).
func people(from, n int) (table.Schema, *table.Batch) {
	schema := table.Schema{
		{Name: "id", Type: table.Int64},
		{Name: "age", Type: table.Float64, Nullable: true},
		{Name: "income", Type: table.Float64},
		{Name: "city", Type: table.String, Nullable: true},
		{Name: "member", Type: table.Bool},
		{Name: "joined", Type: table.Date},
		{Name: "bought", Type: table.Int64},
	}
	cities := []string{"Rome", "Oslo", "Lima", "Pune", "Riga"}
	id, age, income := &table.Int64s{}, &table.Float64s{Valid: table.NewBitmap(n)}, &table.Float64s{}
	city, member, joined, bought := &table.Strings{Offsets: []uint32{0}, Valid: table.NewBitmap(n)}, &table.Bools{}, &table.Int64s{}, &table.Int64s{}
	for i := range n {
		k := from + i
		id.Values = append(id.Values, int64(k))
		a := 20 + 50*hash01(1, k)
		age.Values = append(age.Values, math.Round(a))
		if hash01(2, k) > 0.1 {
			age.Valid.Set(i)
		}
		inc := math.Exp(8 + 2*hash01(3, k))
		income.Values = append(income.Values, inc)
		c := int(5 * hash01(4, k))
		if hash01(5, k) > 0.05 {
			city.Valid.Set(i)
			city.Append([]byte(cities[c]))
		} else {
			city.Append(nil)
		}
		m := hash01(6, k) > 0.5
		member.Values = append(member.Values, m)
		joined.Values = append(joined.Values, 15000+int64(k%400))
		z := (a-45)/10 + math.Log(inc) - 9 + float64(c)/2 - 1
		if m {
			z++
		}
		y := int64(0)
		if hash01(7, k) < 1/(1+math.Exp(-z)) {
			y = 1
		}
		bought.Values = append(bought.Values, y)
	}
	b := &table.Batch{Rows: n}
	for i, c := range []table.Column{id, age, income, city, member, joined, bought} {
		b.Put(schema[i].Name, c)
	}
	return schema, b
}

// peopleDir writes shards of people and returns their directory.
func peopleDir(t testing.TB, shards, rows int) string {
	t.Helper()
	dir := t.TempDir()
	for s := range shards {
		schema, b := people(s*rows, rows)
		writeShard(t, filepath.Join(dir, fmt.Sprintf("part-%d.parquet", s)), schema, b)
	}
	return dir
}

// job loads a job of people with more lines of YAML.
func peopleJob(t testing.TB, data, home string, lines ...string) *Job {
	t.Helper()
	src := fmt.Sprintf("name: people\nhome: %q\ndata: {path: %q}\ncolumns:\n  bought: {role: label}\n  id: {role: id}\nruntime: {scratch: %q}\n%s\n",
		home, data, t.TempDir(), strings.Join(lines, "\n"))
	return mustLoad(t, src)
}

func mustLoad(t testing.TB, src string) *Job {
	t.Helper()
	j, err := Load("job.yaml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func mustSlot(t testing.TB, s string) time.Time {
	t.Helper()
	slot, err := ParseSlot(s, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	return slot
}
