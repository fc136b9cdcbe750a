//go:build !linux

package child

import "syscall"

func attributes(s Spec) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setpgid: true}
	if s.As != nil {
		a.Credential = &syscall.Credential{Uid: s.As.UID, Gid: s.As.GID}
	}
	return a
}
