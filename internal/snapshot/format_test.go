package snapshot_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/snapshot"
)

// full is a snapshot with an object of every kind.
func full(t *testing.T) *base {
	b := newBase(t, "acme,3,Gold", "bolt,,")
	kind := func(name string) metav1.TypeMeta {
		return metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: name}
	}
	meta := metav1.ObjectMeta{Namespace: "success", Name: "x"}
	b.world.AccountSets = []*v1alpha1.AccountSet{{TypeMeta: kind("AccountSet"), ObjectMeta: meta}}
	b.world.Models = []*v1alpha1.HealthScoreModel{{TypeMeta: kind("HealthScoreModel"), ObjectMeta: meta}}
	b.world.Playbooks = []*v1alpha1.Playbook{{TypeMeta: kind("Playbook"), ObjectMeta: meta}}
	b.world.Notifiers = []*v1alpha1.Notifier{{TypeMeta: kind("Notifier"), ObjectMeta: meta}}
	b.world.Runs = []*v1alpha1.PlaybookRun{{TypeMeta: kind("PlaybookRun"), ObjectMeta: meta}}
	b.world.Tasks = []*v1alpha1.Task{{TypeMeta: kind("Task"), ObjectMeta: meta, Spec: v1alpha1.TaskSpec{Title: "Call <Acme> & say \"hé\"\n"}}}
	at := metav1.NewTime(readTime.Local())
	b.world.Accounts[0].Status.Health = &v1alpha1.Health{
		Score: new(int32(63)), Band: "AtRisk", History: []string{"2026-11-01 71 Healthy enterprise/4"}, Dimensions: []v1alpha1.DimensionScore{{Name: "adoption", Points: "22"}},
		Measures: []v1alpha1.MeasureScore{{Name: "users", From: "usage.users", Value: "3", ObservedTime: &at}}, Facts: []v1alpha1.Fact{{Source: "usage", Metric: "plan", Value: "Gold"}},
	}
	return b
}

func compressed(t testing.TB, text []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestASnapshotReadsWhatItWrote(t *testing.T) {
	b := full(t)
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skipf("no time zone files here: %v", err)
	}
	b.world.Location = zone
	text := b.file()
	for name, file := range map[string][]byte{"plain": text, "compressed": compressed(t, text)} {
		s, err := snapshot.Read(iotestReader{bytes.NewReader(file)})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !s.Time.Equal(now) || s.From != snapshot.Operator || s.World.Location.String() != "Europe/Berlin" {
			t.Errorf("%s: %s, from %s, in %s", name, s.Time, s.From, s.World.Location)
		}
		want := *b.world
		got := *s.World
		want.Sources, got.Sources, want.Location, got.Location = nil, nil, nil, nil
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-written +read):\n%s", name, diff)
		}
		var again bytes.Buffer
		if err := snapshot.Write(&again, s); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(text), again.String()); diff != "" {
			t.Errorf("%s: written again it differs:\n%s", name, diff)
		}
	}
}

// iotestReader gives few bytes at once, as a network does.
type iotestReader struct{ r io.Reader }

func (r iotestReader) Read(p []byte) (int, error) { return r.r.Read(p[:min(len(p), 7)]) }

func TestAFileThatIsNoSnapshotIsRefused(t *testing.T) {
	text := full(t).file()
	lines := strings.SplitAfter(string(text), "\n")
	lines = lines[:len(lines)-1]
	account := slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, `"kind":"Account"`) })
	replaced := func(at int, old, with string) []byte {
		changed := slices.Clone(lines)
		changed[at] = strings.Replace(changed[at], old, with, 1)
		return []byte(strings.Join(changed, ""))
	}
	packed := compressed(t, bytes.Repeat(text, 1))
	for name, c := range map[string]struct {
		file []byte
		want string
	}{
		"nothing":                       {nil, "line 1: this is no snapshot"},
		"another file":                  {[]byte("apiVersion: v1\nkind: List\n"), "line 1: this is no snapshot"},
		"a file without lines":          {bytes.Repeat([]byte("x"), 3<<20), "line 1: this is no snapshot"},
		"JSON that is something else":   {[]byte(`{"kind":"List","version":1}`), "line 1: this is no snapshot"},
		"one of a newer program":        {replaced(0, `"version":1`, `"version":2`), "line 1: the snapshot is of version 2 of the format, and this program reads versions up to 1: use a newer one"},
		"facts from who knows where":    {replaced(0, `"from":"Operator"`, `"from":"Afar"`), `line 1: facts from "Afar"`},
		"a zone that is none":           {replaced(0, `"namespace"`, `"timeZone":"Moon/Base","namespace"`), "line 1: timeZone: unknown time zone Moon/Base"},
		"a settle that is none":         {replaced(0, `"namespace"`, `"settle":"soon","namespace"`), "line 1: settle: "},
		"one cut in the middle":         {[]byte(strings.Join(lines[:account], "") + lines[account][:40]), fmt.Sprintf("line %d: Account: not readable: ", account+1)},
		"one cut at a line":             {[]byte(strings.Join(lines[:account], "")), fmt.Sprintf("after line %d: the snapshot ends before its end: it was cut off; take it again", account)},
		"the header alone":              {[]byte(lines[0]), "after line 1: the snapshot ends before its end"},
		"one with a line less":          {[]byte(strings.Join(slices.Delete(slices.Clone(lines), account, account+1), "")), fmt.Sprintf("line %d: the snapshot had %d lines when it was written", len(lines)-1, len(lines))},
		"one with something behind it":  {append(slices.Clone(text), lines[account]...), fmt.Sprintf("line %d: something follows the end", len(lines)+1)},
		"an object of an unknown kind":  {replaced(account, `"kind":"Account"`, `"kind":"Secret"`), fmt.Sprintf(`line %d: a snapshot has no objects of kind "Secret"`, account+1)},
		"an object of a newer version":  {replaced(account, "v1alpha1", "v2"), fmt.Sprintf("line %d: Account/acme is of perennial.dev/v2, and this program knows perennial.dev/v1alpha1", account+1)},
		"a field of another type":       {replaced(account, `"name":"acme"`, `"name":7`), `unmarshal JSON number into Go string within "/metadata/name"` /* the library words the rest as it likes */},
		"a line that is no JSON":        {replaced(account, `{"kind":"Account"`, `"Account"`), fmt.Sprintf("line %d: not readable", account+1)},
		"a compressed one that is cut":  {packed[:len(packed)-20], "it was cut off; take"},
		"a compressed one that is none": {packed[:5], "decompress it: unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := snapshot.Read(bytes.NewReader(c.file)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

func TestKindsInAnotherOrderOfFields(t *testing.T) {
	text := strings.Replace(string(full(t).file()), `{"kind":"Playbook","apiVersion":"perennial.dev/v1alpha1",`, `{"apiVersion":"perennial.dev/v1alpha1","kind":"Playbook",`, 1)
	if s, err := snapshot.Read(strings.NewReader(text)); err != nil || len(s.World.Playbooks) != 1 {
		t.Errorf("%v", err)
	}
}

// TestAnErrorLateInALargeFileEndsTheReading: nobody goes on reading, and the first error is the one that is told.
func TestAnErrorLateInALargeFileEndsTheReading(t *testing.T) {
	text := large(t, 400)
	lines := strings.SplitAfter(string(text), "\n")
	for _, at := range []int{300, 120, 7} {
		lines[at] = strings.Replace(lines[at], `"spec":{`, `"spec":[`, 1)
		_, err := snapshot.Read(strings.NewReader(strings.Join(lines, "")))
		if err == nil || !strings.HasPrefix(err.Error(), fmt.Sprintf("line %d: Account: ", at+1)) {
			t.Errorf("line %d: the error is %v", at+1, err)
		}
	}
	fails := errors.New("the disk is gone")
	if _, err := snapshot.Read(io.MultiReader(bytes.NewReader(text[:len(text)/2]), failing{fails})); !errors.Is(err, fails) {
		t.Errorf("the error is %v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestWritingToWhatIsFull(t *testing.T) {
	s := full(t).take()
	fails := errors.New("the disk is full")
	if err := snapshot.Write(fullDisk{fails}, s); !errors.Is(err, fails) {
		t.Errorf("the error is %v", err)
	}
	if err := snapshot.WriteFacts(fullDisk{fails}, snapshot.Header{}, slices.Values([]*observe.Dump{{Source: "usage"}})); !errors.Is(err, fails) {
		t.Errorf("the error is %v", err)
	}
}

type fullDisk struct{ err error }

func (f fullDisk) Write([]byte) (int, error) { return 0, f.err }
