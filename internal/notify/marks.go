package notify

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// Bounds of what an object's status holds of its undelivered events.
const (
	maxMarks     = 8
	maxNotifiers = 16
	maxDetail    = 512
)

// ID tells an event from every other one. It is the same however often the event is sent.
type ID [16]byte

// String writes the id as receivers get it.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// IDOf returns the id of an event of the object with this UID.
func IDOf(uid types.UID, mark *v1alpha1.UndeliveredEvent) ID {
	sum := sha256.Sum256([]byte(strings.Join([]string{string(uid), string(mark.Type), mark.Time.UTC().Format(time.RFC3339), mark.Detail}, "\n")))
	return ID(sum[:16])
}

// Wanted is an event with the names of the notifiers that want it.
type Wanted struct {
	Event
	Notifiers []string
}

// Mark adds events to those that an object holds until they are delivered, and returns those that had to make room: of
// more than eight, two of the same type and for the same notifiers become one; else the oldest is dropped.
func Mark(marks []v1alpha1.UndeliveredEvent, events []Wanted, now time.Time) (all, dropped []v1alpha1.UndeliveredEvent) {
	all = slices.Clone(marks)
	for _, e := range events {
		for names := range slices.Chunk(slices.Sorted(slices.Values(e.Notifiers)), maxNotifiers) {
			mark := v1alpha1.UndeliveredEvent{
				Type: e.Type, Time: metav1.NewTime(now.UTC().Truncate(time.Second)), Detail: value.Shorten(e.Detail, maxDetail), Notifiers: slices.Clone(names),
			}
			if slices.ContainsFunc(all, func(m v1alpha1.UndeliveredEvent) bool { return same(&m, &mark) }) {
				continue // it happened twice in one second
			}
			if all = append(all, mark); len(all) > maxMarks {
				var gone *v1alpha1.UndeliveredEvent
				if all, gone = makeRoom(all); gone != nil {
					dropped = append(dropped, *gone)
				}
			}
		}
	}
	return all, dropped
}

// same reports whether two marks are of the same event and for the same notifiers.
func same(a, b *v1alpha1.UndeliveredEvent) bool {
	return a.Type == b.Type && a.Time.Equal(&b.Time) && a.Detail == b.Detail && slices.Equal(a.Notifiers, b.Notifiers)
}

// makeRoom takes a mark away: the first of which a later one of the same type and for the same notifiers can tell too, or
// the oldest, which is returned. Where one of two receivers is down the marks are not all for the same notifiers: those
// that wait for it are still told together.
func makeRoom(marks []v1alpha1.UndeliveredEvent) (left []v1alpha1.UndeliveredEvent, gone *v1alpha1.UndeliveredEvent) {
	for i := range marks {
		old := &marks[i]
		for j := range marks[i+1:] {
			later := &marks[i+1+j]
			if old.Type != later.Type || !slices.Equal(old.Notifiers, later.Notifiers) {
				continue
			}
			if old.Detail != "" && old.Detail != later.Detail {
				later.Detail = value.Shorten(old.Detail+"; "+later.Detail, maxDetail)
			}
			return slices.Delete(marks, i, i+1), nil
		}
	}
	first := marks[0]
	return slices.Delete(marks, 0, 1), &first
}

// Unmark takes notifiers off the marks for which done says so, and the marks off that nobody waits for.
func Unmark(uid types.UID, marks []v1alpha1.UndeliveredEvent, done func(notifier string, id ID) bool) []v1alpha1.UndeliveredEvent {
	var left []v1alpha1.UndeliveredEvent
	for i := range marks {
		mark, id := *marks[i].DeepCopy(), IDOf(uid, &marks[i])
		mark.Notifiers = slices.DeleteFunc(mark.Notifiers, func(name string) bool { return done(name, id) })
		if len(mark.Notifiers) > 0 {
			left = append(left, mark)
		}
	}
	return left
}
