package controllers

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"hash/fnv"
	"strconv"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
)

// minRetry is the shortest wait after a read that failed; it doubles up to the source's interval.
const minRetry = 5 * time.Second

// readSchedule remembers when each source is to be read. The zero value is ready, and safe for concurrent use.
type readSchedule struct {
	mu     sync.Mutex
	memory map[types.NamespacedName]sourceMemory
	asked  map[types.NamespacedName]struct{}
}

// sourceMemory is what is remembered of one source between two passes. What must survive a restart is in its status.
type sourceMemory struct {
	uid        types.UID
	generation int64
	// next read by itself; zero: only when something asks for it.
	next time.Time
	// failures in a row.
	failures int
	// handled is the request, an annotation, that was last acted on.
	handled string
	// accepted is the last accepted read; its digest is empty where there is none that a read could be compared with.
	accepted acceptedRead
	// offered is the size of the refused read which somebody may approve; nil: none.
	offered *readSize
}

// acceptedRead is what is remembered of the last accepted read.
type acceptedRead struct {
	// digest of the part of the spec that says which rows are read.
	digest string
	time   time.Time
	// size that the next one is compared with, but for its accounts, which the status counts.
	size readSize
}

// readNow has a source read in its next pass.
func (s *readSchedule) readNow(key types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asked == nil {
		s.asked = map[types.NamespacedName]struct{}{}
	}
	s.asked[key] = struct{}{}
}

// load returns what is remembered of a source, and whether somebody asked for a read, which it forgets: who asks while
// this pass reads gets another pass.
func (s *readSchedule) load(ds *v1alpha1.DataSource) (sourceMemory, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := client.ObjectKeyFromObject(ds)
	_, asked := s.asked[key]
	delete(s.asked, key)
	m, ok := s.memory[key]
	if !ok || m.uid != ds.UID {
		m = lastRead(ds)
	}
	return m, asked
}

// lastRead takes from a status what is known of the last accepted read.
func lastRead(ds *v1alpha1.DataSource) sourceMemory {
	m := sourceMemory{uid: ds.UID, generation: -1}
	if ds.Status.LastReadTime != nil {
		m.accepted = acceptedRead{
			digest: ds.Status.ReadDigest, time: ds.Status.LastReadTime.UTC(),
			size: readSize{rows: ds.Status.Rows, values: ds.Status.Metrics},
		}
	}
	return m
}

// undo has the next pass do again what this one could not write down.
func (s *readSchedule) undo(p *sourcePass) {
	if p.read {
		s.readNow(p.key)
	}
}

// store remembers a source after a pass whose status was written.
func (s *readSchedule) store(p *sourcePass) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.memory == nil {
		s.memory = map[types.NamespacedName]sourceMemory{}
	}
	p.memory.generation = p.ds.Generation
	s.memory[p.key] = p.memory
}

// forget drops a source that is gone.
func (s *readSchedule) forget(key types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.memory, key)
	delete(s.asked, key)
}

// sourcePass is one look at one source.
type sourcePass struct {
	ds     *v1alpha1.DataSource
	key    types.NamespacedName
	now    time.Time
	memory sourceMemory
	// asked: a ConfigMap changed that the source reads, or the last pass is to be made again.
	asked bool
	// read: this pass reads the source. superseded: it was ended, because the source is another one by now.
	read, superseded bool
	// last is the last accepted read that is in memory.
	last *observe.Snapshot
	// firstAttempt since the operator started; newGeneration since the last pass; wasAvailable before this one.
	firstAttempt, newGeneration, wasAvailable bool
	// matched says which rows of the read are of accounts; nil: they were not looked up.
	matched *matches
	// changed are the ids whose rows changed.
	changed []string
}

// begin gathers what a pass starts with.
func (r *DataSourceReconciler) begin(ds *v1alpha1.DataSource) *sourcePass {
	p := &sourcePass{ds: ds, key: client.ObjectKeyFromObject(ds), now: r.Clock.Now()}
	p.memory, p.asked = r.schedule.load(ds)
	p.last, p.wasAvailable = r.Store.Snapshot(p.key)
	p.firstAttempt = !r.Store.Attempted(p.key, ds.UID)
	if p.firstAttempt {
		p.last, p.wasAvailable = nil, false // of an earlier object with this name
	}
	p.newGeneration = r.seen.changed(ds, ds.Status.ObservedGeneration)
	return p
}

// due reports whether the source is to be read now.
func (p *sourcePass) due() bool {
	request := requestedAt(p.ds)
	switch {
	case p.firstAttempt, p.asked, p.memory.generation != p.ds.Generation:
		return true
	case request != "" && request != p.memory.handled && request != p.ds.Status.LastHandledRequestedAt:
		return true
	case p.memory.offered != nil && p.approved(*p.memory.offered):
		return true
	}
	return !p.memory.next.IsZero() && !p.now.Before(p.memory.next)
}

// wait plans the next read after one that succeeded. A ConfigMap is watched instead.
func (p *sourcePass) wait(now time.Time) {
	p.memory.failures, p.memory.next = 0, time.Time{}
	if p.ds.Spec.ConfigMap == nil {
		p.memory.next = now.Add(jittered(observe.Interval(p.ds), p.ds.UID, now))
	}
}

// retry plans the next read after one that failed. A spec that cannot work waits for another one.
func (p *sourcePass) retry(now time.Time, err *observe.Error) {
	p.memory.failures++
	if err.Reason == v1alpha1.ReasonInvalidSpec {
		p.memory.next = time.Time{}
		return
	}
	longest := observe.Interval(p.ds)
	switch err.Reason {
	case v1alpha1.ReasonSecretNotFound, v1alpha1.ReasonSecretNotAllowed, v1alpha1.ReasonReferenceNotFound:
		longest = min(longest, maxReferenceRetry)
	}
	wait := max(jittered(backoff(p.memory.failures, longest), p.ds.UID, now), minRetry, err.RetryAfter)
	p.memory.next = now.Add(wait)
}

// maxReferenceRetry is the longest wait for a Secret or ConfigMap that is not there, or not allowed: to ask for it costs
// little, Secrets cannot be watched, and somebody is waiting.
const maxReferenceRetry = time.Minute

// backoff returns the wait after a number of failures in a row.
func backoff(failures int, interval time.Duration) time.Duration {
	wait := minRetry
	for range min(failures-1, 16) {
		wait *= 2
	}
	return min(wait, max(interval, minRetry))
}

// jittered varies a wait by up to a tenth, so that sources that start together do not stay together. The same source at
// the same time waits as long.
func jittered(wait time.Duration, uid types.UID, at time.Time) time.Duration {
	h := fnv.New64a()
	_, _ = h.Write([]byte(string(uid) + "/" + strconv.FormatInt(at.UnixNano(), 10)))
	tenth := int64(wait / 10)
	if tenth == 0 {
		return wait
	}
	return wait - time.Duration(tenth) + time.Duration(h.Sum64()%uint64(2*tenth+1))
}

// readBefore returns when a watched source's content was read first, if it is what was read before: in this process, or
// before the operator started, if the ConfigMap was not changed since. Without it every restart would make old facts
// look new.
func (p *sourcePass) readBefore(t *observe.Table, snapshot *observe.Snapshot) (time.Time, bool) {
	switch {
	case p.ds.Spec.ConfigMap == nil:
		return time.Time{}, false
	case p.last != nil:
		return p.last.ReadTime(), len(observe.Changed(p.last, snapshot)) == 0
	}
	last := p.memory.accepted
	known := last.digest == readDigest(&p.ds.Spec) && !t.Modified.IsZero() && !t.Modified.After(last.time)
	return last.time, known && int64(snapshot.Rows()) == last.size.rows
}

// readDigest identifies the part of a spec that says which rows are read, so that their numbers can be compared: where
// they come from, and not what is made of them or how often.
func readDigest(spec *v1alpha1.DataSourceSpec) string {
	part := v1alpha1.DataSourceSpec{ConfigMap: spec.ConfigMap, SQL: spec.SQL, Prometheus: spec.Prometheus, HTTP: spec.HTTP, Fake: spec.Fake}
	text, err := json.Marshal(part)
	if err != nil {
		return "" // a spec that came as JSON can be written as such
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}
