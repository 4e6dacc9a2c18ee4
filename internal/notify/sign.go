package notify

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Errors of keys, which repeat nothing of them.
var (
	// ErrSigningKey: it says that it is base64, and is not; or it is empty.
	ErrSigningKey = errors.New("after whsec_ there is no base64")
	// ErrOtherSignature: it is for signatures of ed25519, which Standard Webhooks has too.
	ErrOtherSignature = errors.New("whsk_ and whpk_ begin the keys of another kind of signature, which is not made")
)

// SigningKey returns the key that a secret holds: what follows whsec_ is base64; anything else is the key itself.
func SigningKey(secret string) ([]byte, error) {
	encoded, ok := strings.CutPrefix(secret, "whsec_")
	switch {
	case strings.HasPrefix(secret, "whsk_"), strings.HasPrefix(secret, "whpk_"):
		return nil, ErrOtherSignature
	case !ok && secret != "":
		return []byte(secret), nil
	}
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(key) == 0 {
		return nil, ErrSigningKey // what is there is not repeated
	}
	return key, nil
}

// Sign returns the headers by which a receiver knows who sent a body, as Standard Webhooks has them.
func Sign(key []byte, id string, at time.Time, body []byte) map[string]string {
	timestamp := fmt.Sprint(at.Unix())
	mac := hmac.New(sha256.New, key)
	_, _ = fmt.Fprintf(mac, "%s.%s.%s", id, timestamp, body)
	return map[string]string{
		"webhook-id":        id,
		"webhook-timestamp": timestamp,
		"webhook-signature": "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)),
	}
}
