package httpjson

import (
	"errors"
	"strings"
)

// errLink is the error of a Link header that cannot be read: a link to the next page may be in it.
var errLink = errors.New("not a Link header (RFC 8288)")

// nextLink returns the target of the first link with the relation "next" in the Link headers of an answer (RFC 8288), and
// whether there is one.
func nextLink(headers []string) (target string, found bool, err error) {
	for _, header := range headers {
		links := linkHeader{rest: header}
		for links.more() {
			target, isNext, ok := links.link()
			if !ok {
				return "", false, errLink
			}
			if isNext {
				return target, true, nil
			}
		}
	}
	return "", false, nil
}

// linkHeader is what of a Link header is still to be read.
type linkHeader struct{ rest string }

// linkSpace is the white space of a header.
const linkSpace = " \t"

// more skips to the next link and reports whether there is one.
func (h *linkHeader) more() bool {
	h.rest = strings.TrimLeft(h.rest, linkSpace+",")
	return h.rest != ""
}

// take reads a character, and the white space in front of it, if it comes next.
func (h *linkHeader) take(c string) bool {
	rest, ok := strings.CutPrefix(strings.TrimLeft(h.rest, linkSpace), c)
	if ok {
		h.rest = rest
	}
	return ok
}

// link reads one link: <target>; name=value; name="value". A link with an anchor says something of another page.
func (h *linkHeader) link() (target string, isNext, ok bool) {
	if !h.take("<") {
		return "", false, false
	}
	target, h.rest, ok = strings.Cut(h.rest, ">")
	if !ok {
		return "", false, false
	}
	relation, known, anchored := "", false, false
	for h.take(";") {
		name, value, ok := h.parameter()
		switch {
		case !ok:
			return "", false, false
		case name == "anchor":
			anchored = true
		case name == "rel" && !known: // further ones do not count
			relation, known = value, true
		}
	}
	for word := range strings.FieldsSeq(relation) {
		isNext = isNext || strings.EqualFold(word, "next")
	}
	h.rest = strings.TrimLeft(h.rest, linkSpace)
	return strings.TrimSpace(target), isNext && !anchored, h.rest == "" || h.rest[0] == ','
}

// parameter reads one parameter, whose name is returned in lower case. An empty one, between two semicolons, is none.
func (h *linkHeader) parameter() (name, value string, ok bool) {
	name = strings.ToLower(h.word())
	if !h.take("=") {
		return name, "", true
	}
	if h.take(`"`) {
		value, ok = h.quoted()
		return name, value, ok && name != ""
	}
	return name, h.word(), name != ""
}

// word reads up to the next white space or separator.
func (h *linkHeader) word() string {
	h.rest = strings.TrimLeft(h.rest, linkSpace)
	end := strings.IndexAny(h.rest, linkSpace+`,;="`)
	if end < 0 {
		end = len(h.rest)
	}
	word := h.rest[:end]
	h.rest = h.rest[end:]
	return word
}

// quoted reads to the closing quote; a backslash stands before a character that means itself.
func (h *linkHeader) quoted() (string, bool) {
	var text strings.Builder
	for i := 0; i < len(h.rest); i++ {
		switch h.rest[i] {
		case '"':
			h.rest = h.rest[i+1:]
			return text.String(), true
		case '\\':
			i++
			if i == len(h.rest) {
				return "", false
			}
		}
		text.WriteByte(h.rest[i])
	}
	return "", false
}
