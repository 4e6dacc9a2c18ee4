package cli

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"strings"
)

// junitSuites is a JUnit report: a suite a file, as CI servers read it.
type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Time     string       `xml:"time,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

// junitSuite is the tests of one file.
type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Time     string      `xml:"time,attr"`
	Cases    []junitCase `xml:"testcase"`
}

// junitCase is one test.
type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	File    string        `xml:"file,attr"`
	Line    int           `xml:"line,attr,omitempty"`
	Time    string        `xml:"time,attr"`
	Failure *junitMessage `xml:"failure,omitempty"`
	Error   *junitMessage `xml:"error,omitempty"`
}

// junitMessage is why a test does not pass.
type junitMessage struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// junitOf makes a report of what came of the tests. A test that could not go on is an error, as is a file without a test
// that could run.
func junitOf(report *testReport) *junitSuites {
	all := &junitSuites{Name: "perennial", Time: junitTime(report.seconds)}
	for i := range report.Files {
		f := &report.Files[i]
		suite := junitSuite{Name: f.File, Time: junitTime(f.seconds)}
		if f.Error != "" {
			suite.Cases = append(suite.Cases, junitCase{
				Class: f.File, Name: "the file can be tested", File: f.File, Time: junitTime(f.seconds), Error: junitMessageOf(f.Error, f.Error),
			})
		}
		for j := range f.Tests {
			suite.Cases = append(suite.Cases, junitCaseOf(f, &f.Tests[j]))
		}
		for _, c := range suite.Cases {
			suite.Tests++
			switch {
			case c.Error != nil:
				suite.Errors++
			case c.Failure != nil:
				suite.Failures++
			}
		}
		all.Tests, all.Failures, all.Errors = all.Tests+suite.Tests, all.Failures+suite.Failures, all.Errors+suite.Errors
		all.Suites = append(all.Suites, suite)
	}
	return all
}

// junitCaseOf is one test.
func junitCaseOf(f *testedFile, t *testedCase) junitCase {
	c := junitCase{Class: f.File, Name: t.Name, File: f.File, Line: t.Line, Time: junitTime(t.seconds)}
	var b strings.Builder
	plain := &app{} // without colours
	for i := range t.Failures {
		plain.writeTestFailure(&b, f.File, &t.Failures[i])
	}
	switch {
	case t.Error != "":
		c.Error = junitMessageOf(t.Error, b.String()+t.Error)
	case len(t.Failures) > 0:
		d := t.Failures[0].Differences[0]
		c.Failure = junitMessageOf(fmt.Sprintf("%s: want %s, got %s", d.Field, d.Want, d.Got), b.String())
	}
	return c
}

// junitMessageOf has the first line of a message where servers show one line.
func junitMessageOf(message, text string) *junitMessage {
	first, _, _ := strings.Cut(message, "\n")
	return &junitMessage{Message: first, Text: text}
}

// junitTime writes seconds.
func junitTime(seconds float64) string { return fmt.Sprintf("%.3f", seconds) }

// writeJUnit writes a report.
func writeJUnit(w io.Writer, report *testReport) error {
	var b bytes.Buffer
	b.WriteString(xml.Header)
	encoder := xml.NewEncoder(&b)
	encoder.Indent("", "  ")
	if err := encoder.Encode(junitOf(report)); err != nil {
		return err
	}
	b.WriteString("\n")
	_, err := w.Write(b.Bytes())
	return err
}

// writeJUnitFile writes a report to a file.
func writeJUnitFile(path string, report *testReport) error {
	var b bytes.Buffer
	if err := writeJUnit(&b, report); err != nil {
		return err
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		return fmt.Errorf("--junit: %w", err)
	}
	return nil
}
