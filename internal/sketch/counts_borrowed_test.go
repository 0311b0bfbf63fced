package sketch

import (
	"testing"
	"unsafe"
)

// A text is a borrowed view: its memory may be overwritten once Add has returned, also where the text was known before.
func TestCountsCopyBorrowedText(t *testing.T) {
	t.Parallel()
	buf := [][]byte{[]byte("carrier"), []byte("carrier"), []byte("carrier")}
	var c Counts
	for _, b := range buf {
		c.Add(borrow(b), 1)
		copy(b, "!!!!!!!")
	}
	if got := c.Sorted(); len(got) != 1 || got[0] != (KeyCount[string]{"carrier", 3}) {
		t.Errorf("counts %v, want carrier 3 times", got)
	}
}

func borrow(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
