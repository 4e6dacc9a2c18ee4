package manager

import (
	"context"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// newConfigMapDay is a bad day of a CSV in a ConfigMap.
func newConfigMapDay(t *testing.T) (*badDay, func(csv string)) {
	t.Helper()
	var b *badDay
	csv := func(text string) {
		b.apply(fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: feed}\ndata: {feed.csv: %q}\n", text))
	}
	newBadDay(t, "", "  configMap: {name: feed, key: feed.csv, format: CSV}\n", func(day *badDay, orgs []org) {
		b = day
		csv(orgsCSV(orgs))
	})
	return b, csv
}

func TestBadDayOfAConfigMap(t *testing.T) {
	b, csv := newConfigMapDay(t)
	well := func() { b.set(badDayOrgs()) }
	b.haveAll([]day{
		{"a line is broken in its middle", outage{
			breaks:  func() { csv(strings.Replace(orgsCSV(badDayOrgs()), "beta,10,8,40", "beta,1\n0,8,40", 1)) },
			reason:  "ReadFailed",
			message: `spec.configMap: key "feed.csv": line 3 has 2 fields, the header line has 4`,
			repairs: well,
		}},
		{"a quote is not closed", outage{
			breaks:  func() { csv(strings.Replace(orgsCSV(badDayOrgs()), "beta,10", `"beta,10`, 1)) },
			reason:  "ReadFailed",
			message: `spec.configMap: key "feed.csv": line 3: a quote (") is not closed, or something follows it before the comma`,
			repairs: well,
		}},
		{"it is gone", outage{
			breaks: func() {
				if err := b.Delete(context.Background(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "feed"}}); err != nil {
					b.t.Fatal(err)
				}
			},
			reason:  "ReferenceNotFound",
			message: `spec.configMap: ConfigMap "feed" is not there; make it, or correct the name`,
			repairs: well,
		}},
	})
	b.ends()
}

// newCSVDay is a bad day of a server that gives CSV.
func newCSVDay(t *testing.T) (*badDay, *feedServer) {
	t.Helper()
	s := newFeedServer(t, nil)
	return newBadDay(t, s.address, badDayHTTP(s, "CSV", ""), func(_ *badDay, orgs []org) { s.gives(orgsCSV(orgs)) }), s
}

func TestBadDayOfACSV(t *testing.T) {
	b, server := newCSVDay(t)
	well := func() { b.set(badDayOrgs()) }
	header, rows, _ := strings.Cut(orgsCSV(badDayOrgs()), "\n")
	b.haveAll([]day{
		{"the account's column has another name", outage{
			breaks:  func() { server.gives(strings.Replace(header, "id", "org_id", 1) + "\n" + rows) },
			reason:  "ReadFailed",
			message: `spec.http: page 1: column "id" (spec.account.field) is not there; the columns are: "org_id", "wau", "tickets", "seats"`,
			repairs: well,
		}},
		{"the header line is gone", outage{
			breaks:  func() { server.gives(rows) },
			reason:  "ReadFailed",
			message: `spec.http: page 1: none of the declared columns, such as "id" (spec.account.field), is among the 4 in the first line; check that the file begins with a line that names its columns`,
			repairs: well,
		}},
	})
	b.in("NaN and Inf", func() {
		b.hear(b.noNumbersLie("NaN", "+Inf"))
		b.counts()
	})
	b.ends()
}
