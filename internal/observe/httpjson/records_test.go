package httpjson

import (
	"strings"
	"testing"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
)

func TestValuesIn(t *testing.T) {
	for text, want := range map[string]int64{
		`1`: 1, `[1,2]`: 3, `{"a":1,"b":[]}`: 11, `"a,b,[{"`: 1, `{"a\"b,":"c\\","d":1}`: 10, `[{},{},{}]`: 28, ``: 1,
	} {
		if got := valuesIn([]byte(text)); got != want {
			t.Errorf("%s has %d values, want %d", text, got, want)
		}
	}
}

func TestAPageOfMoreValuesThanMemoryIsThereForIsRefused(t *testing.T) {
	const limit = 1 << 16
	page := `{"list": [` + strings.Repeat("0,", limit/bytesPerValue) + `{"org": "acme"}]}`
	s := newServer(t, script{"GET /": page})
	ds := source(t, s.URL, "{url: SERVER/, format: JSON, records: '.list[] | objects'}")
	r, err := New(ds, observe.Dependencies{MaxBytes: limit})
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.Read(t.Context(), observe.Request{Now: now})
	wantError(t, err, v1alpha1.ReasonReadFailed,
		"spec.http: page 1 holds more than 4096 values, for which the operator's --max-bytes does not suffice; ask for smaller pages, or raise it")
}
