package web_test

import "testing"

func TestWhichHostsAListAllows(t *testing.T) {
	tests := []struct {
		list, url string
		want      bool
	}{
		{"api.test", "https://api.test/x", true},
		{"api.test", "http://api.test", true},
		{"api.test", "https://API.Test", true},
		{"API.test", "https://api.test", true},
		{"api.test", "https://api.test:443", true},
		{"api.test:443", "https://api.test", true},
		{"api.test:443", "http://api.test", false},
		{"api.test:80", "http://api.test", true},
		{"api.test", "https://api.test:80", false},
		{"api.test", "https://api.test.", true},
		{" other.test ,\tapi.test ", "https://api.test", true},
		{"api.test", "https://api.test:8443", false},
		{"api.test:8443", "https://api.test:8443", true},
		{"api.test:8443", "https://api.test", false},
		{"test", "https://api.test", false},
		{"pi.test", "https://api.test", false},
		{"api.test", "https://evil-api.test", false},
		{"api.test", "https://api.test.evil.test", false},
		{"*.test", "https://api.test", true},
		{"*.test", "https://a.b.test", true},
		{"*.test", "https://test", false},
		{"*.api.test", "https://evilapi.test", false},
		{"*.test:8443", "https://api.test:8443", true},
		{"*.test", "https://api.test:8443", false},
		{"*", "https://api.test", false},
		{"*.", "https://api.test", false},
		{"a*.test", "https://api.test", false},
		{"*.0.0.1", "http://127.0.0.1", false},
		{"", "https://api.test", false},
		{",", "https://api.test", false},
		{"https://api.test", "https://api.test", false},
		{"127.0.0.1:9090", "http://127.0.0.1:9090", true},
		{"[fd12::1]", "https://[fd12::1]", true},
		{"[fd12::1]:443", "https://[fd12::1]", true},
		{"fd12::1", "https://[fd12::1]", false},
		{"[fd12::1]:9090", "https://[FD12::1]:9090", true},
	}
	for _, test := range tests {
		t.Run(test.list+" "+test.url, func(t *testing.T) {
			source := newSource(test.url).bearer()
			source.keys.secrets["success/api"] = secret{allowed: test.list, data: map[string]string{"token": theToken}}
			_, err := source.open(t.Context(), t)
			if (err == nil) != test.want {
				t.Errorf("got %v, want allowed: %t", err, test.want)
			}
		})
	}
}
