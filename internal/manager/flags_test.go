package manager

import (
	"strings"
	"testing"
)

func TestFlags(t *testing.T) {
	tests := map[string]struct {
		args []string
		want string // of the error; empty: none
	}{
		"nothing":                        {nil, ""},
		"the most that is logged":        {[]string{"--zap-log-level=7"}, ""},
		"a level by its name":            {[]string{"--zap-log-level=debug"}, ""},
		"a level that logs what is sent": {[]string{"--zap-log-level=8"}, "--zap-log-level: at most 7"},
		"no workers":                     {[]string{"--source-workers=0"}, "--source-workers: 0 is less than 1"},
		"no rows and no bytes":           {[]string{"--max-rows=0", "--max-bytes=-1"}, "--max-bytes: -1 is less than 1"},
		"a folder without certificates":  {[]string{"--metrics-cert-dir=."}, "--metrics-cert-dir: open tls.crt: no such file"},
		"a time that runs backwards":     {[]string{"--settle=-1s"}, "--settle: -1s is negative"},
		"a place that is none":           {[]string{"--time-zone=Berlin"}, `--time-zone: "Berlin" is not a time zone`},
		"a word too many":                {[]string{"start"}, `unexpected argument "start"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := ParseFlags(test.args)
			if got := errorText(err); (test.want == "") != (got == "") || !strings.Contains(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestNamesOfObjectsAreForThoseWhoAskForThem(t *testing.T) {
	for _, want := range []bool{false, true} {
		f, err := ParseFlags(map[bool][]string{true: {"--metrics-object-names"}}[want])
		if err != nil || f.MetricsObjectNames != want {
			t.Errorf("MetricsObjectNames is %t, want %t: %v", f.MetricsObjectNames, want, err)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
