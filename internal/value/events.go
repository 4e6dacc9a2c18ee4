package value

import "time"

// Event is one row that a source has of an account, from a moment that the row names: an answer to a survey, say.
type Event struct {
	// Time of the row, in whole seconds of UTC.
	Time time.Time
	// Values of the row, by metric; a metric without one is not there.
	Values map[string]Value
}

// Events are the rows that a source has of one account.
type Events struct {
	// Known means that the source was read, and can be now: an event that is not among Rows is not there.
	Known bool
	// Rows that say when they were observed, the oldest first; those of one second in the order of the source.
	Rows []Event
	// MaxAge is the source's maxAge; 0 means that values never grow old.
	MaxAge time.Duration
}
