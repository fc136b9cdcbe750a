package seal

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
)

// MAC returns the HMAC-SHA256 of the parts under the newest key, and that key's id to be stored
// beside it. The encoding is unambiguous: ("ab", "c") and ("a", "bc") differ.
func (k Keys) MAC(parts ...string) (keyID string, mac []byte) {
	newest := k.newest()
	return newest.id, sum(newest, parts)
}

// MACWith returns the HMAC of the parts under the key of that id, or ErrNoSuchKey.
func (k Keys) MACWith(keyID string, parts ...string) ([]byte, error) {
	used, ok := k.byID(keyID)
	if !ok {
		return nil, ErrNoSuchKey
	}
	return sum(used, parts), nil
}

// CheckMAC reports whether mac is the HMAC of the parts under the key of that id, in constant time.
// It does the same work for an unknown key id or a missing mac as for a wrong one, so that the time
// taken tells nobody whether an answer is on file (I1: one failure for every cause).
func (k Keys) CheckMAC(keyID string, mac []byte, parts ...string) bool {
	used, known := k.byID(keyID)
	if !known {
		used = k.newest()
	}
	same := hmac.Equal(sum(used, parts), mac)
	return same && known
}

// sum hashes the number of parts, then each part after its length.
func sum(k key, parts []string) []byte {
	h := hmac.New(sha256.New, k.mac)
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(len(parts)))
	h.Write(length[:])
	for _, part := range parts {
		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		h.Write(length[:])
		h.Write([]byte(part))
	}
	return h.Sum(nil)
}
