package child

import "syscall"

// attributes returns how the child is to be started: in a group of its own, as the user asked for, and with
// the signal that the kernel sends when our thread that started it ends.
func attributes(s Spec) *syscall.SysProcAttr {
	// A group of its own: a Ctrl-C in the terminal reaches us only, and we stop our children in order.
	a := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: s.OnOurDeath}
	if s.As != nil {
		a.Credential = &syscall.Credential{Uid: s.As.UID, Gid: s.As.GID}
	}
	return a
}
