//go:build !linux

package child

import "syscall"

// attributes returns how the child is to be started: in a group of its own and as the user asked for. Other
// kernels send no signal at our death; a child that outlives us is stopped by the next start.
func attributes(s Spec) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setpgid: true}
	if s.As != nil {
		a.Credential = &syscall.Credential{Uid: s.As.UID, Gid: s.As.GID}
	}
	return a
}
