package playbook

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

const (
	// maxNameLength is the longest name that is made, in bytes. A name of that length is also a label value.
	maxNameLength = 63
	// hashLength is the number of hex digits at the end of a made name.
	hashLength = 10
)

// RunName returns the name of the run of one episode of a playbook on an account: the two names, cut to fit 63
// characters in all, and ten hex digits of a hash. It is made of names and the episode's number alone, never of UIDs,
// so that a restored backup or a move to another cluster finds the same run.
func RunName(accountName, playbookName string, sequence int64) string {
	// Names hold no slash, so no two episodes give the same text.
	key := accountName + "/" + playbookName + "/" + strconv.FormatInt(sequence, 10)
	return withHash(accountName+"-"+playbookName, key)
}

// ObservationRunName returns the name of the run of one observation, made like that of RunName. It is the same whichever
// trigger of the playbook the observation met.
func ObservationRunName(accountName, playbookName string, metric v1alpha1.MetricReference, observed time.Time) string {
	key := accountName + "/" + playbookName + "/" + metric.Source + "/" + metric.Metric + "/" + observed.UTC().Format(time.RFC3339)
	return withHash(accountName+"-"+playbookName, key)
}

// PeriodRunName returns the name of the run of one period of a trigger with every, made like that of RunName.
func PeriodRunName(accountName, playbookName, trigger string, day v1alpha1.Date) string {
	return withHash(accountName+"-"+playbookName, accountName+"/"+playbookName+"/"+trigger+"/"+string(day))
}

// EpisodeRunName returns the name of the run of an account's episode, as it stands; days begin in the time zone, nil being
// UTC.
func EpisodeRunName(accountName string, e *v1alpha1.Episode, location *time.Location) string {
	switch {
	case e.ObservedTime == nil:
	case e.Every != "":
		return PeriodRunName(accountName, e.Name, e.Every, PeriodDay(e.ObservedTime.Time, location))
	case e.Source != "":
		return ObservationRunName(accountName, e.Name, v1alpha1.MetricReference{Source: e.Source, Metric: e.Metric}, e.ObservedTime.Time)
	}
	return RunName(accountName, e.Name, e.Sequence)
}

// TaskName returns the name of the task of one step of a run: at most 63 characters. A name that had to be cut, or whose
// step holds underscores, which no object's name may, ends in a hash.
func TaskName(runName string, step v1alpha1.StepName) string {
	name := runName + "-" + strings.ReplaceAll(string(step), "_", "-")
	if len(name) <= maxNameLength && !strings.Contains(string(step), "_") {
		return name
	}
	return withHash(name, runName+"/"+string(step))
}

// LabelValue returns the value of a label that holds an object's name: the name itself, or, where it is longer than the
// 63 characters of a label value, its beginning and a hash.
func LabelValue(name string) string {
	if len(name) <= maxNameLength {
		return name
	}
	return withHash(name, name)
}

// withHash appends the hash of a key to a text that is cut to leave room for it.
func withHash(text, key string) string {
	sum := sha256.Sum256([]byte(key))
	text = text[:min(len(text), maxNameLength-hashLength-1)]
	// A cut may end at a character that is not allowed before the dash that follows.
	return strings.TrimRight(text, "-.") + "-" + hex.EncodeToString(sum[:])[:hashLength]
}

// metricName is a metric as an expression reads it.
func metricName(ref v1alpha1.MetricReference) string {
	if strings.ContainsAny(ref.Source, "-.") {
		return "metrics['" + ref.Source + "']." + ref.Metric
	}
	return "metrics." + ref.Source + "." + ref.Metric
}
