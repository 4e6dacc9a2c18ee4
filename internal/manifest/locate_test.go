package manifest_test

import (
	"fmt"
	"testing"
)

// placed is an object with fields of every form.
const placed = `# a model
---
apiVersion: perennial.dev/v1alpha1
kind: HealthScoreModel
metadata:
  name: m
  labels: {a.b/c: x, a: y}
  annotations:
    "perennial.dev/note": text
spec:
  bands: [{name: Good, min: 70}, {name: Bad, min: 0}]
  dimensions:
  - &d {name: use, weight: 1}
  measures:
  - name: logins
    <<: {weight: 7, whenMissing: Worst}
    from:
      source: usage
      metric: logins
    scale: {categories: [{value: "1", score: 2}, {value: Poor, score: 0}]}
  - name: other
    dimension: use
    from: &f {measurement: mood}
  - {name: third, from: *f}
`

func TestAFieldIsFoundByThePathThatErrorsWrite(t *testing.T) {
	o := one(t, placed)
	for path, want := range map[string]string{
		"":                           "3:1",
		"metadata.name":              "6:3",
		"metadata.labels.a.b/c":      "7:12",
		"metadata.labels.a":          "7:22",
		"metadata.labels.ax":         "7:3",
		"metadata.labels[a.b/c]":     "7:12",
		`metadata.labels["a.b/c"]`:   "7:12",
		`metadata.labels[ "a.b/c" ]`: "7:12",
		"metadata.annotations.perennial.dev/note":            "9:5",
		"spec.bands[0].min":                                  "11:24",
		"spec.bands[Bad].min":                                "11:46",
		"spec.bands[1]":                                      "11:34",
		"spec.measures[0].from.metric":                       "19:7",
		"spec.measures[logins].from.source":                  "18:7",
		"spec.measures[logins].weight":                       "16:10",
		"spec.measures[logins].scale.categories[Poor].score": "20:64",
		"spec.measures[logins].scale.categories[1].score":    "20:39",
		"spec.measures[2].from.measurement":                  "23:15",
		"spec.measures[third].from":                          "24:19",
		"spec.measures[other].weight":                        "21:5",
		"spec.measures[9].weight":                            "14:3",
		"spec.measures[gone].from.source":                    "14:3",
		"spec.trend.window":                                  "10:1",
		"status":                                             "3:1",
		"spec.measures[0":                                    "15:5",
		"spec..bands":                                        "10:1",
		"spec.measures[].x[[":                                "14:3",
	} {
		t.Run(path, func(t *testing.T) {
			if got := o.At(path).String(); got != "<stdin>:"+want {
				t.Errorf("found at %s, want %s", got, want)
			}
		})
	}
}

func TestScalarsAreAsWritten(t *testing.T) {
	o := one(t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  day: 2027-02-01\n  id: 0015e7\n  word: \"No\"\n  text: |\n    a\n  on: x\n")
	var got []string
	for _, s := range o.Scalars() {
		if s.Position.Line > 4 {
			got = append(got, fmt.Sprintf("%s %q plain=%t key=%t date=%t %d:%d", s.Path, s.Text, s.Plain, s.Key, s.Date, s.Position.Line, s.Position.Column))
		}
	}
	same(t, got,
		`data.day "day" plain=true key=true date=false 5:3`, `data.day "2027-02-01" plain=true key=false date=true 5:8`,
		`data.id "id" plain=true key=true date=false 6:3`, `data.id "0015e7" plain=true key=false date=false 6:7`,
		`data.word "word" plain=true key=true date=false 7:3`, `data.word "No" plain=false key=false date=false 7:9`,
		`data.text "text" plain=true key=true date=false 8:3`, `data.text "a\n" plain=false key=false date=false 8:9`,
		`data.on "on" plain=true key=true date=false 10:3`, `data.on "x" plain=true key=false date=false 10:7`,
	)
}
