package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/perennial-dev/perennial/internal/unittest"
)

// formatJUnit is a form of test alone: what CI servers read.
const formatJUnit = "junit"

// testOptions are the flags of the command test.
type testOptions struct {
	output       *output
	junit        string
	run          string
	verbose      bool
	coverage     bool
	allowNoTests bool
}

// newTest is the command test.
func newTest(a *app) *cobra.Command {
	o := &testOptions{}
	c := &cobra.Command{
		Use:   "test [DIR|FILE...]",
		Short: "Run the unit tests of models and playbooks",
		Long: `Run the unit tests that stand beside the configuration, in files named *_test.yaml.

A test says what sources report of an account and what people do, moves the clock, and says what must come of it: health,
runs, tasks. The functions that the operator decides with decide here, in memory: no cluster is asked. Folders are searched
with all below them; without any it is the current one. The exit code is 1 if a test fails or cannot be run.`,
		Example: `  # All tests below the current folder
  perennial test

  # One file, with how things stand at each step
  perennial test playbooks/usage-drop_test.yaml -v

  # The tests whose name matches, and what no test reaches
  perennial test --run 'recovery' --coverage config/

  # In CI: a table to read, and a report for the server
  perennial test --junit report.xml config/`,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
		},
		RunE: func(c *cobra.Command, args []string) error { return a.runTests(c.Context(), o, args) },
	}
	o.output = addOutput(c, formatTable, formatJSON, formatJUnit)
	c.Flags().StringVar(&o.junit, "junit", "", "File to write a JUnit report to, beside the answer.")
	c.Flags().StringVar(&o.run, "run", "", "Regular expression: run only the tests whose name matches.")
	c.Flags().BoolVarP(&o.verbose, "verbose", "v", false, "Name the tests that pass too, and say how things stand at each step.")
	c.Flags().BoolVar(&o.coverage, "coverage", false, "Say which triggers, steps, bands and rules no test has reached.")
	c.Flags().BoolVar(&o.allowNoTests, "allow-no-tests", false, "Succeed where there is no test.")
	return c
}

// testReport is what came of all tests.
type testReport struct {
	Passed int `json:"passed"`
	Failed int `json:"failed"`
	// Errors are files that cannot be read, or whose configuration does not compile.
	Errors   int                `json:"errors"`
	Files    []testedFile       `json:"files"`
	Coverage []unittest.Covered `json:"coverage,omitempty"`
	seconds  float64
}

// testedFile is what came of the tests of one file.
type testedFile struct {
	File string `json:"file"`
	// Error is why none of its tests could run.
	Error   string       `json:"error,omitempty"`
	Tests   []testedCase `json:"tests,omitempty"`
	seconds float64
}

// testedCase is what came of one test.
type testedCase struct {
	Name   string `json:"name"`
	Line   int    `json:"line"`
	Passed bool   `json:"passed"`
	// Error is what kept the test from going on.
	Error    string        `json:"error,omitempty"`
	Failures []testFailure `json:"failures,omitempty"`
	moments  []unittest.Moment
	seconds  float64
}

// testFailure is a step at which something was otherwise than expected.
type testFailure struct {
	Step        int              `json:"step"`
	Line        int              `json:"line"`
	Time        time.Time        `json:"time"`
	Since       string           `json:"since"`
	Account     string           `json:"account"`
	Differences []testDifference `json:"differences"`
	Why         []string         `json:"why,omitempty"`
}

// testDifference is one thing that is otherwise than expected.
type testDifference struct {
	Field string `json:"field"`
	Want  string `json:"want"`
	Got   string `json:"got"`
}

// runTests runs the command.
func (a *app) runTests(ctx context.Context, o *testOptions, args []string) error {
	if err := o.output.check(); err != nil {
		return err
	}
	only, err := regexp.Compile(o.run)
	if err != nil {
		return fmt.Errorf("--run: %w", err)
	}
	if len(args) == 0 {
		args = []string{"."}
	}
	files, err := findTests(ctx, args)
	if err != nil {
		return err
	}
	if len(files) == 0 && !o.allowNoTests {
		return fmt.Errorf("no test files in %s: name them *_test.yaml, or say --allow-no-tests", strings.Join(args, ", "))
	}
	report, err := a.testAll(ctx, files, only, o)
	if err != nil {
		return err
	}
	if report.Passed+report.Failed+report.Errors == 0 && !o.allowNoTests {
		return fmt.Errorf("no test matches --run %s, of those in %s", o.run, strings.Join(args, ", "))
	}
	if err := a.printTests(report, o); err != nil {
		return err
	}
	if report.Failed+report.Errors > 0 {
		return exit(ExitError)
	}
	return nil
}

// testAll runs the tests of all files.
func (a *app) testAll(ctx context.Context, files []string, only *regexp.Regexp, o *testOptions) (*testReport, error) {
	report := &testReport{Files: []testedFile{}}
	var coverage *unittest.Coverage
	if o.coverage {
		coverage = &unittest.Coverage{}
	}
	configs := testConfigs{}
	began := a.Clock.Now()
	for _, file := range files {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		tested := a.testFile(ctx, configs, file, only, coverage)
		if tested.Error != "" {
			report.Errors++
		}
		for i := range tested.Tests {
			if tested.Tests[i].Passed {
				report.Passed++
			} else {
				report.Failed++
			}
		}
		if tested.Error != "" || len(tested.Tests) > 0 {
			report.Files = append(report.Files, tested)
		}
	}
	report.seconds = a.Clock.Now().Sub(began).Seconds()
	if coverage != nil {
		report.Coverage = coverage.Report()
	}
	return report, nil
}

// testFile runs the tests of one file.
func (a *app) testFile(ctx context.Context, configs testConfigs, file string, only *regexp.Regexp, coverage *unittest.Coverage) testedFile {
	tested := testedFile{File: file}
	began := a.Clock.Now()
	defer func() { tested.seconds = a.Clock.Now().Sub(began).Seconds() }()
	content, err := os.ReadFile(file)
	if err != nil {
		tested.Error = err.Error()
		return tested
	}
	parsed, err := unittest.Parse(file, content)
	if err != nil {
		tested.Error = err.Error()
		return tested
	}
	var config *unittest.Config
	for i := range parsed.Tests {
		test := &parsed.Tests[i]
		if !only.MatchString(test.Name) {
			continue
		}
		if config == nil {
			if config, err = configs.of(ctx, parsed); err != nil {
				tested.Error = err.Error()
				return tested
			}
		}
		tested.Tests = append(tested.Tests, a.testOne(test, config, coverage))
	}
	return tested
}

// testOne runs one test.
func (a *app) testOne(test *unittest.Test, config *unittest.Config, coverage *unittest.Coverage) testedCase {
	began := a.Clock.Now()
	result := test.Run(config, coverage)
	tested := testedCase{Name: test.Name, Line: test.Line, Passed: result.Passed(), moments: result.Moments, seconds: a.Clock.Now().Sub(began).Seconds()}
	if result.Err != nil {
		tested.Error = result.Err.Error()
	}
	for _, f := range result.Failures {
		failure := testFailure{Step: f.Step, Line: f.Line, Time: f.Time, Since: testSpan(f.Since), Account: f.Account, Why: f.Why}
		for _, d := range f.Differences {
			failure.Differences = append(failure.Differences, testDifference(d))
		}
		tested.Failures = append(tested.Failures, failure)
	}
	return tested
}

// printTests prints what came of the tests, and writes the report for a CI server where one is asked for.
func (a *app) printTests(report *testReport, o *testOptions) error {
	var errs []error
	if o.junit != "" {
		errs = append(errs, writeJUnitFile(o.junit, report))
	}
	switch o.output.format {
	case formatJUnit:
		errs = append(errs, writeJUnit(a.Out, report))
	case formatJSON:
		errs = append(errs, o.output.answer(a.Out, report, nil))
	default:
		errs = append(errs, a.printTestText(report, o))
	}
	return errors.Join(errs...)
}
