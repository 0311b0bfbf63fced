package jobs

import "sync"

// pool is the workers that share a batch in training. Do hands out numbers; each worker takes the next.
type pool struct {
	jobs chan poolJob
	wg   sync.WaitGroup
}

type poolJob struct {
	i    int
	f    func(int)
	done *sync.WaitGroup
}

// newPool starts n-1 workers: the caller of Do is one too.
func newPool(n int) *pool {
	p := &pool{jobs: make(chan poolJob)}
	for range n - 1 {
		p.wg.Go(func() {
			for j := range p.jobs {
				j.f(j.i)
				j.done.Done()
			}
		})
	}
	return p
}

// Do implements train.Pool.
func (p *pool) Do(n int, f func(i int)) {
	var done sync.WaitGroup
	done.Add(n)
	for i := range n {
		select {
		case p.jobs <- poolJob{i, f, &done}:
		default:
			f(i)
			done.Done()
		}
	}
	done.Wait()
}

func (p *pool) close() {
	if p.jobs != nil {
		close(p.jobs)
		p.wg.Wait()
		p.jobs = nil
	}
}
