package splitmix

import "testing"

// The first numbers that java.util.SplittableRandom's generator yields from seed 0, as Vigna's splitmix64.c prints them.
func TestDraw(t *testing.T) {
	t.Parallel()
	for i, want := range []uint64{0xe220a8397b1dcdaf, 0x6e789e6aa1b965f4, 0x06c45d188009454f, 0xf88bb8a8724c81ec} {
		if got := Draw(0, uint64(i)); got != want {
			t.Errorf("draw %d is %#x, want %#x", i, got, want)
		}
	}
}

func TestBelow(t *testing.T) {
	t.Parallel()
	if a, b, c := Below(0, 10), Below(1<<63, 10), Below(1<<64-1, 10); a != 0 || b != 5 || c != 9 {
		t.Errorf("%d, %d, %d of 10; want 0, 5, 9", a, b, c)
	}
}
