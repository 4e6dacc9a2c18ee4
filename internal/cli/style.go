package cli

import (
	"charm.land/lipgloss/v2"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// The kinds of text that are painted where the terminal shows colours.
const (
	// paintTitle is the heading of a section, paintFaint what is beside the point, paintStrong a name or number that matters.
	paintTitle  = "title"
	paintFaint  = "faint"
	paintStrong = "strong"
	// paintGood, paintWarn and paintBad say how something stands.
	paintGood = "good"
	paintWarn = "warn"
	paintBad  = "bad"
)

// styles of the kinds. The sixteen colours of every terminal are used, which people choose so that they can read them.
var styles = map[string]lipgloss.Style{
	paintTitle:  lipgloss.NewStyle().Bold(true).Underline(true),
	paintStrong: lipgloss.NewStyle().Bold(true),
	paintFaint:  lipgloss.NewStyle().Faint(true),
	paintGood:   lipgloss.NewStyle().Foreground(lipgloss.Green),
	paintWarn:   lipgloss.NewStyle().Foreground(lipgloss.Yellow),
	paintBad:    lipgloss.NewStyle().Foreground(lipgloss.Red),
}

// paint colours a text by its kind where the terminal shows colours; elsewhere it returns it as it is.
func (a *app) paint(kind, text string) string {
	style, ok := styles[kind]
	if !a.Color || !ok || text == "" {
		return text
	}
	return style.Render(text)
}

// paintBand colours the name of a band by where it stands among the bands of its model, best first; Unknown, and a band
// that is none of them, is faint.
func (a *app) paintBand(band v1alpha1.BandName, bands []v1alpha1.BandName, text string) string {
	for i, name := range bands {
		switch {
		case name != band:
		case i == 0:
			return a.paint(paintGood, text)
		case i == len(bands)-1:
			return a.paint(paintBad, text)
		default:
			return a.paint(paintWarn, text)
		}
	}
	return a.paint(paintFaint, text)
}
