package errs

import (
	"errors"
	"fmt"
	"runtime/debug"
)

// Panic is a panic that Contain caught. Its kind is Corrupt: what was handled is not what the program can handle.
type Panic struct {
	Value any
	Stack []byte
}

func (p *Panic) Error() string { return fmt.Sprintf("panic: %v", p.Value) }

// Contain runs work and gives a panic in it as an error that holds a *Panic. Goroutines that work started are not contained:
// they contain themselves.
func Contain(work func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = E(Corrupt, "", "", &Panic{p, debug.Stack()})
		}
	}()
	return work()
}

// Panicked finds the panic behind an error, if there is one.
func Panicked(err error) (*Panic, bool) {
	var p *Panic
	return p, errors.As(err, &p)
}
