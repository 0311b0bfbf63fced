package shard

// MinUnitRows is the least number of rows of a unit, where the file has them. It is one of the constants that make
// passes reproducible: sums are accumulated a unit at a time and merged over units.
const MinUnitRows = 131072

// Unit is a run of row groups of one file: From, From+1, ... To-1.
type Unit struct {
	Shard    int   `json:"shard"` // index into the shards
	From     int   `json:"from"`
	To       int   `json:"to"`
	FirstRow int64 `json:"first_row"` // the file's row number of the first row
	Rows     int64 `json:"rows"`
}

// Units cuts every shard into runs of row groups of at least minRows rows (0: MinUnitRows), in order. A rest that is
// too small joins the run before it. The cut depends on the footers alone: not on columns, workers or memory. A file
// without rows has no unit.
func Units(shards []*Shard, minRows int64) []Unit {
	if minRows <= 0 {
		minRows = MinUnitRows
	}
	var units []Unit
	for i, s := range shards {
		first := len(units)
		u := Unit{Shard: i}
		for g, rg := range s.RowGroups {
			u.To, u.Rows = g+1, u.Rows+rg.Rows
			if u.Rows >= minRows {
				units = append(units, u)
				u = Unit{Shard: i, From: g + 1, FirstRow: u.FirstRow + u.Rows}
			}
		}
		switch {
		case u.Rows == 0 && len(units) == first:
		case len(units) > first: // the rest, or row groups without rows
			last := &units[len(units)-1]
			last.To, last.Rows = len(s.RowGroups), last.Rows+u.Rows
		default:
			units = append(units, u)
		}
	}
	return units
}
