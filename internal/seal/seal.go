package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
)

// Errors of Open and MACWith.
var (
	// ErrNoSuchKey: the value names a key that we do not have: it was removed too early, or is
	// another environment's.
	ErrNoSuchKey = errors.New("seal: sealed under a key that is not in the configuration: put it back behind the newer ones")
	// ErrChanged: the value was altered, cut, or sealed for another context.
	ErrChanged = errors.New("seal: the sealed value does not open")
)

// A sealed value is: format byte | length of the key id | key id | nonce | AES-256-GCM text and tag.
// Everything before the nonce and the context are authenticated.
const formatV1 = 1

// Seal returns plain encrypted under the newest key. The context says where the value belongs (for
// example "payment-token:" and the attempt's key): the value opens only under the same context, so
// a row's secret copied into another row does not open there.
func (k Keys) Seal(plain []byte, context string) []byte {
	newest := k.newest()
	header := append([]byte{formatV1, byte(len(newest.id))}, newest.id...) //nolint:gosec // G115: ParseKeys bounds an id's length
	aead := newAEAD(newest)
	sealed := make([]byte, len(header), len(header)+len(plain)+aead.Overhead())
	copy(sealed, header)
	// The AEAD draws a random nonce itself and puts it in front; crypto/rand does not fail.
	return aead.Seal(sealed, nil, plain, associated(header, context))
}

// Open returns what Seal encrypted, whichever of the keys sealed it. Its errors tell nothing of the
// content.
func (k Keys) Open(sealed []byte, context string) ([]byte, error) {
	header, body, err := split(sealed)
	if err != nil {
		return nil, err
	}
	used, ok := k.byID(string(header[2:]))
	if !ok {
		return nil, ErrNoSuchKey
	}
	plain, err := newAEAD(used).Open(nil, nil, body, associated(header, context))
	if err != nil {
		return nil, ErrChanged
	}
	return plain, nil
}

// KeyID returns the id of the key that sealed a value, for finding rows that `duebell keys rotate`
// has still to seal anew.
func KeyID(sealed []byte) (string, error) {
	header, _, err := split(sealed)
	if err != nil {
		return "", err
	}
	return string(header[2:]), nil
}

// split returns header and body of a sealed value, or ErrChanged if it has no such shape.
func split(sealed []byte) (header, body []byte, err error) {
	if len(sealed) < 2 || sealed[0] != formatV1 {
		return nil, nil, ErrChanged
	}
	end := 2 + int(sealed[1])
	if len(sealed) < end {
		return nil, nil, ErrChanged
	}
	return sealed[:end], sealed[end:], nil
}

// associated returns what the AEAD authenticates besides the content. The header carries its own
// length, so header and context cannot be taken for one another.
func associated(header []byte, context string) []byte {
	return append(append(make([]byte, 0, len(header)+len(context)), header...), context...)
}

// newAEAD returns AES-256-GCM under a key.
func newAEAD(k key) cipher.AEAD {
	block, err := aes.NewCipher(k.seal)
	if err == nil {
		var aead cipher.AEAD
		if aead, err = cipher.NewGCMWithRandomNonce(block); err == nil {
			return aead
		}
	}
	// Only a key of the wrong length gets here, and ParseKeys makes 32 bytes.
	panic(fmt.Sprintf("seal: cannot make the cipher: %v", err))
}
