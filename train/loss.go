package train

import (
	"math"

	"howdah/internal/kernel"
)

// loss is a loss of logits, and its gradient. The mean over a batch is over the sum of its weights, as PyTorch's
// CrossEntropyLoss has it with class weights: Σ w·l / Σ w.
type loss struct {
	kind      string
	smoothing float32
	delta     float32
}

func newLoss(c LossConfig) loss {
	l := loss{kind: c.Type, smoothing: float32(c.LabelSmoothing)}
	if c.Delta != nil {
		l.delta = float32(*c.Delta)
	}
	return l
}

// grad returns Σ w·l over the rows, and sets dz to w·scale·(dl/dz). z and dz are [rows, k], y and w [rows]; buf has room for
// rows·k and one row more.
func (l *loss) grad(dz, z []float32, k int, y, w []float32, scale float32, buf []float32) float64 {
	switch l.kind {
	case "binary_cross_entropy":
		return l.binary(dz, z, y, w, scale, buf[:len(z)])
	case "categorical_cross_entropy":
		return l.categorical(dz, z, k, y, w, scale, buf[:len(y)])
	}
	var sum float64
	for i, t := range y {
		d := z[i] - t
		var v float64
		var g float32
		switch {
		case l.kind == "mse":
			v, g = float64(d)*float64(d), 2*d
		case l.kind == "huber" && abs32(d) <= l.delta:
			v, g = float64(0.5*float64(d)*float64(d)), d
		case l.kind == "huber":
			v = float64(l.delta) * (math.Abs(float64(d)) - float64(0.5*float64(l.delta)))
			g = sign32(d) * l.delta
		default: // mae; where it has no derivative, 0
			v, g = math.Abs(float64(d)), sign32(d)
		}
		sum += float64(float64(w[i]) * v)
		dz[i] = float32(w[i]*scale) * g
	}
	return sum
}

// binary: with s = 1 for label 1 and -1 for label 0, l = softplus(-sz) + (a/2)·sz and dl/dz = -s·(sigmoid(-sz) - a/2), a the
// smoothing: no cancellation for rows that are far on their side.
func (l *loss) binary(dz, z, y, w []float32, scale float32, buf []float32) float64 {
	for i, t := range y {
		buf[i] = z[i]
		if t != 0 {
			buf[i] = -z[i]
		}
	}
	kernel.Sigmoid(dz, buf)
	half := float32(l.smoothing / 2)
	for i, t := range y {
		d := dz[i] - half
		if t != 0 {
			d = -d
		}
		dz[i] = float32(w[i]*scale) * d
	}
	var sum float64
	if half != 0 {
		for i := range y {
			sum -= float64(float64(w[i]) * float64(float64(half)*float64(buf[i])))
		}
	}
	kernel.Softplus(buf, buf)
	return sum + kernel.Dot(w, buf)
}

// categorical: l = (1-a)·(lse - z_y) + a·(lse - mean z), as PyTorch's label_smoothing.
func (l *loss) categorical(dz, z []float32, k int, y, w []float32, scale float32, lse []float32) float64 {
	kernel.LogSumExpRows(lse, z, k)
	kernel.SoftmaxRows(dz, z, k)
	var sum float64
	rest := l.smoothing / float32(k)
	for i, t := range y {
		row, d := z[i*k:(i+1)*k], dz[i*k:(i+1)*k]
		v := float64(lse[i]) - float64(row[int(t)])
		if l.smoothing != 0 {
			var all float64
			for j, x := range row {
				all += float64(x)
				d[j] -= rest
			}
			a := float64(l.smoothing)
			v = float64((1-a)*v) + float64(a*(float64(lse[i])-all/float64(k)))
		}
		d[int(t)] -= 1 - l.smoothing
		kernel.Scale(d, w[i]*scale)
		sum += float64(float64(w[i]) * v)
	}
	return sum
}

func abs32(x float32) float32 { return math.Float32frombits(math.Float32bits(x) &^ (1 << 31)) }

// withSign is the positive x with the sign of s.
func withSign(x, s float32) float32 {
	return math.Float32frombits(math.Float32bits(x) | math.Float32bits(s)&(1<<31))
}

func sign32(x float32) float32 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return x // 0, or NaN
}
