package twilio

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"os"
	"strings"
	"testing"
)

// vector is one entry of testdata/signature.json.
type vector struct {
	Name        string
	Valid       bool
	AuthToken   string
	Method      string
	URL         string
	ContentType string
	Params      url.Values
	Body        string
	Signature   string
}

// accepts is a verifier in the words of Twilio's docs: it tries the port as it
// is, without, and with the scheme's own.
func accepts(v vector) bool {
	u, err := url.Parse(v.URL)
	if err != nil || v.Signature == "" {
		return false
	}
	if v.Body != "" {
		sum := sha256.Sum256([]byte(v.Body))
		if u.Query().Get("bodySHA256") != hex.EncodeToString(sum[:]) {
			return false
		}
	}
	form := v.Params
	if v.Method == "GET" {
		form = nil
	}
	withPort := v.URL
	if u.Port() == "" {
		port := map[string]string{"https": ":443", "http": ":80"}[u.Scheme]
		withPort = strings.Replace(v.URL, u.Host, u.Host+port, 1)
	}
	return v.Signature == Sign(v.AuthToken, v.URL, form, PortKept) ||
		v.Signature == Sign(v.AuthToken, v.URL, form, PortDropped) ||
		v.Signature == Sign(v.AuthToken, withPort, form, PortKept)
}

func TestSignatureVectors(t *testing.T) {
	raw, err := os.ReadFile("testdata/signature.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	if err := json.Unmarshal(raw, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) != 33 {
		t.Fatalf("%d vectors, want 33", len(vectors))
	}
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			if got := accepts(v); got != v.Valid {
				t.Errorf("accepted = %v, want %v", got, v.Valid)
			}
		})
	}
}

func TestSignedURLDropsWhatTwilioDrops(t *testing.T) {
	tests := []struct {
		url  string
		port Port
		want string
	}{
		{"https://a.example:8443/x?y=1#rc=2", PortDropped, "https://a.example/x?y=1"},
		{"https://a.example:8443/x", PortKept, "https://a.example:8443/x"},
		{"http://127.0.0.1:8080/x", PortDropped, "http://127.0.0.1:8080/x"},
		{"https://u:p@a.example/x@y", PortKept, "https://a.example/x@y"},
		{"https://[::1]:8443?q", PortDropped, "https://[::1]?q"},
		{"https://[::1]/x", PortDropped, "https://[::1]/x"},
	}
	for _, test := range tests {
		if got := signedURL(test.url, test.port); got != test.want {
			t.Errorf("signedURL(%s) = %s, want %s", test.url, got, test.want)
		}
	}
}
