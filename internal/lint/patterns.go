package lint

import "strings"

// patterns are the patterns of the definitions in words.
var patterns = map[string]string{
	`^-?[0-9]{1,12}(\.[0-9]{1,6})?$`: "not a number: write digits, and at most six of them after a point",
	`^(0|([0-9]{1,3}y)?([0-9]{1,5}w)?([0-9]{1,6}d)?([0-9]{1,7}h)?([0-9]{1,8}m)?([0-9]{1,9}s)?)$`:         "not a duration: write 30s, 36h, 90d or 12w, the largest unit first",
	`^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2}))?$`: "not a date: write 2027-02-01",
	`^[A-Z][A-Za-z0-9]*$`:                      "not a CamelCase name: letters and digits, the first a capital",
	`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`:          "not such a name: lower case letters, digits and dashes inside",
	`^[a-z]([a-z0-9_-]*[a-z0-9])?$`:            "not such a name: lower case letters, digits, dashes and underscores inside, the first a letter",
	`^[a-z][a-z0-9_]*$`:                        "not such a name: lower case letters, digits and underscores, the first a letter",
	`^[A-Za-z0-9_-]+$`:                         "not such a name: letters, digits, dashes and underscores",
	`^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$`: "not such a name: letters, digits, underscores, commas and colons, the first a letter",
	`^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$`: "not a name as labels have them: letters, digits, dashes, underscores and points inside",
}

// inWords says what a pattern asks for.
func inWords(detail string) string {
	pattern, found := strings.CutPrefix(detail, "should match '")
	if words := patterns[strings.TrimSuffix(pattern, "'")]; found && words != "" {
		return words
	}
	return detail
}
