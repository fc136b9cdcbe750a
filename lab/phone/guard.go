package phone

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// onlyHere lets in who is on this machine and called it by a name of this machine: a page elsewhere that points
// its own name at 127.0.0.1 is kept out by the second. Dev may listen on every address (for a real Twilio); the
// phone, which shows sample members' secrets and moves the clock, still answers here alone. Everybody else gets
// 403.
func onlyHere(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !loopbackAddr(r.RemoteAddr) || !loopbackHost(r.Host) {
			http.Error(w, "The browser phone answers on this machine only.", http.StatusForbidden)
			return
		}
		h := w.Header()
		// Everything comes from this server, and no other page may frame this one.
		h.Set("Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		next.ServeHTTP(w, r)
	})
}

// loopbackAddr reports whether a connection comes from this machine. An IPv4 address in IPv6 form counts as
// what it is.
func loopbackAddr(remote string) bool {
	at, err := netip.ParseAddrPort(remote)
	return err == nil && at.Addr().Unmap().IsLoopback()
}

// loopbackHost reports whether a Host header names this machine: localhost or a loopback address, with or
// without a port.
func loopbackHost(host string) bool {
	// A Host header may come without a port.
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.Trim(name, "[]")
	if strings.EqualFold(name, "localhost") {
		return true
	}
	at, err := netip.ParseAddr(name)
	return err == nil && at.IsLoopback()
}
