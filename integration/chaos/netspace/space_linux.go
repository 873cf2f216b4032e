package netspace

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// mtu is the size of the largest packet in bytes: that of fast local networks.
const mtu = 9000

// Space is the network of one process.
type Space struct {
	name   string
	addr   address
	device *os.File
	self   *os.File // the namespace
}

// open makes the namespace, on a thread that does not outlive it.
func (s *Space) open() error {
	return onThread(func() (err error) {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("unshare: %w", err)
		}
		if s.self, err = os.Open("/proc/thread-self/ns/net"); err != nil {
			return err
		}
		if err := s.plug(); err != nil {
			return errors.Join(err, s.self.Close())
		}
		return nil
	})
}

// plug puts the device in and the interfaces up. The thread is in the namespace.
func (s *Space) plug() error {
	const name = "net0"
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("/dev/net/tun: %w", err)
	}
	if err = tunnel(fd, name); err == nil {
		err = s.configure(name)
	}
	if err != nil {
		return errors.Join(err, unix.Close(fd))
	}
	s.device = os.NewFile(uintptr(fd), "/dev/net/tun") // it is pollable only now
	return nil
}

func tunnel(fd int, name string) error {
	r, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	r.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, r); err != nil {
		return fmt.Errorf("make a device: %w", err)
	}
	return nil
}

// configure is what `ip addr` and `ip link` would do.
func (s *Space) configure(name string) (err error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unix.Close(fd)) }()
	for _, step := range []struct {
		device  string
		request uint
		value   func(*unix.Ifreq) error
	}{
		{"lo", unix.SIOCSIFFLAGS, up},
		{name, unix.SIOCSIFADDR, func(r *unix.Ifreq) error { return r.SetInet4Addr(s.addr[:]) }},
		{name, unix.SIOCSIFNETMASK, func(r *unix.Ifreq) error { return r.SetInet4Addr([]byte{255, 255, 255, 0}) }},
		{name, unix.SIOCSIFMTU, func(r *unix.Ifreq) error { r.SetUint32(mtu); return nil }},
		{name, unix.SIOCSIFFLAGS, up},
	} {
		r, err := unix.NewIfreq(step.device)
		if err == nil {
			err = step.value(r)
		}
		if err == nil {
			err = unix.IoctlIfreq(fd, step.request, r)
		}
		if err != nil {
			return fmt.Errorf("configure %s: %w", step.device, err)
		}
	}
	return nil
}

func up(r *unix.Ifreq) error { r.SetUint16(unix.IFF_UP | unix.IFF_RUNNING); return nil }

// Enter puts the thread of the caller into the space, for good: the goroutine must be locked to it (runtime.LockOSThread) and
// must end without unlocking it.
func (s *Space) Enter() error {
	if err := unix.Setns(int(s.self.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter the network of %s: %w", s.name, err)
	}
	return nil
}

// Do calls f on a thread within the space: sockets that it opens and processes that it starts belong there.
func (s *Space) Do(f func() error) error {
	return onThread(func() error {
		if err := s.Enter(); err != nil {
			return err
		}
		return f()
	})
}

// onThread calls f on a thread of its own, which ends with it.
func onThread(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread has changed, and nobody is to run on it afterwards
		done <- f()
	}()
	return <-done
}

func (s *Space) close() error { return errors.Join(s.device.Close(), s.self.Close()) }
