package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
)

// Errors of Open and MACWith.
var (
	// ErrNoSuchKey: the value names a key that is not on the ring (retired too early, or another environment's).
	ErrNoSuchKey = errors.New("seal: sealed under a key that is not on the ring")
	// ErrChanged: the value was altered, cut, or sealed for another context.
	ErrChanged = errors.New("seal: the sealed value does not open")
)

// A sealed value is: format byte | length of the key id | key id | nonce | AES-256-GCM text and tag.
// Everything before the nonce and the context are authenticated.
const formatV1 = 1

// Seal encrypts plain under the newest key. The context says where the value belongs (for example
// "payment_attempts.token/" and the attempt's key): the value opens only under the same context, so
// a row's secret copied into another row is refused.
func (k Keys) Seal(plain []byte, context string) []byte {
	newest := k.newest()
	header := append([]byte{formatV1, byte(len(newest.id))}, newest.id...) //nolint:gosec // G115: ParseKeys bounds an id's length
	aead := newAEAD(newest)
	sealed := make([]byte, len(header), len(header)+len(plain)+aead.Overhead())
	copy(sealed, header)
	// The AEAD draws its nonce itself and puts it in front; crypto/rand does not fail.
	return aead.Seal(sealed, nil, plain, associated(header, context))
}

// Open decrypts what Seal made, under whichever key of the ring sealed it. Its errors tell nothing
// of the content.
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

// KeyID tells which key sealed a value, for finding rows that still wait to be sealed anew.
func KeyID(sealed []byte) (string, error) {
	header, _, err := split(sealed)
	if err != nil {
		return "", err
	}
	return string(header[2:]), nil
}

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

// associated needs no length prefix: the header carries its own.
func associated(header []byte, context string) []byte {
	return append(append(make([]byte, 0, len(header)+len(context)), header...), context...)
}

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
