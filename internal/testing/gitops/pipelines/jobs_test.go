package pipelines

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/yaml"

	"github.com/perennial-dev/perennial/internal/manager"
)

const (
	namespace = "customers"
	marker    = "<!-- perennial-plan -->\n"
)

// githubScripts are the scripts of the example for GitHub, by job, and by what they are called in it.
func githubScripts(t *testing.T) map[string][]string {
	t.Helper()
	var workflow struct {
		Jobs map[string]struct {
			Steps []struct{ Name, Run, Uses string }
		}
	}
	parseExample(t, "github-actions.yml", &workflow)
	scripts := map[string][]string{}
	for name, job := range workflow.Jobs {
		for _, s := range job.Steps {
			if s.Run == "" && s.Uses == "" {
				t.Errorf("a step of %s does nothing", name)
			}
			// What GitHub puts into a script before it is run is how others run theirs.
			if strings.Contains(s.Run, "${{") {
				t.Errorf("the step %s of %s has ${{ in its script: use an environment variable", s.Name, name)
			}
			if s.Run != "" && !strings.HasPrefix(s.Name, "Build") {
				scripts[name] = append(scripts[name], s.Run)
			}
		}
	}
	return scripts
}

// gitlabScripts are those of the example for GitLab, by job.
func gitlabScripts(t *testing.T) map[string][]string {
	t.Helper()
	var file map[string]json.RawMessage
	parseExample(t, "gitlab-ci.yml", &file)
	scripts := map[string][]string{}
	for name, content := range file {
		var job struct{ Script []string }
		if json.Unmarshal(content, &job) == nil && len(job.Script) > 0 {
			scripts[name] = []string{strings.Join(job.Script, "\n")}
		}
	}
	return scripts
}

func parseExample(t *testing.T, name string, into any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(readFile(t, filepath.Join(examples, name))), into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// server is a pretended GitHub or GitLab: a repository with the samples, its comments, and a snapshot of the cluster.
type server struct {
	t                   *testing.T
	origin, state, path string
	env                 []string
}

// newServer makes a repository whose main branch has the samples.
func newServer(t *testing.T, snapshot []byte, env ...string) *server {
	t.Helper()
	s := &server{t: t, origin: filepath.Join(t.TempDir(), "origin"), state: t.TempDir(), path: t.TempDir()}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name := range standIns {
		if err := os.Symlink(program, filepath.Join(s.path, name)); err != nil {
			t.Fatal(err)
		}
	}
	s.env = append(os.Environ(), "PATH="+s.path+":"+os.Getenv("PATH"), stateVariable+"="+s.state,
		"KUBECONFIG="+os.DevNull, "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull,
		"GIT_AUTHOR_NAME=Jo", "GIT_AUTHOR_EMAIL=jo@example.com", "GIT_COMMITTER_NAME=Jo", "GIT_COMMITTER_EMAIL=jo@example.com")
	s.env = append(s.env, env...)
	s.keep("snapshot.jsonl.gz", snapshot)
	// A person has quoted ours.
	s.keep("comments.json", []byte(`[{"id": 1, "body": "It said: <!-- perennial-plan -->", "user": {"type": "User"}}]`))
	if err := os.CopyFS(filepath.Join(s.origin, "customers"), os.DirFS(root+"/config/samples")); err != nil {
		t.Fatal(err)
	}
	s.must(s.origin, "git init --quiet --initial-branch=main && git add --all && git commit --quiet --message=samples")
	return s
}

func (s *server) keep(name string, content []byte) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.state, name), content, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// run runs a script as a step of a job is run.
func (s *server) run(dir, script string) (string, error) {
	cmd := exec.CommandContext(s.t.Context(), "bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script)
	cmd.Dir, cmd.Env = dir, s.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (s *server) must(dir, script string) {
	s.t.Helper()
	if out, err := s.run(dir, script); err != nil {
		s.t.Fatalf("%s: %v\n%s", script, err, out)
	}
}

// branch is a work tree of a change.
func (s *server) branch(name, file, old, replacement string) string {
	s.t.Helper()
	dir := filepath.Join(s.t.TempDir(), name)
	s.must(s.t.TempDir(), "git clone --quiet '"+s.origin+"' '"+dir+"' && git -C '"+dir+"' checkout --quiet -b "+name)
	path := filepath.Join(dir, "customers", file)
	text := readFile(s.t, path)
	if !strings.Contains(text, old) {
		s.t.Fatalf("%s has no %q", file, old)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(text, old, replacement, 1)), 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.must(dir, "git commit --quiet --all --message=change")
	return dir
}

// plans are the bodies of the comments that the job made.
func (s *server) plans() []string {
	s.t.Helper()
	comments, err := readComments(filepath.Join(s.state, "comments.json"))
	if err != nil {
		s.t.Fatal(err)
	}
	var plans []string
	for _, c := range comments {
		if c.User.Type == "Bot" {
			plans = append(plans, c.Body)
		}
	}
	if len(comments) != len(plans)+1 || comments[0].Body != "It said: <!-- perennial-plan -->" {
		s.t.Errorf("what the person wrote has changed: %+v", comments)
	}
	return plans
}

// pipeline is one of the two examples.
type pipeline struct {
	env     []string
	scripts func(t *testing.T) []string
}

var pipelines = map[string]pipeline{
	"GitHub Actions": {
		env: []string{
			"GITHUB_BASE_REF=main", "GITHUB_REPOSITORY=acme/customers", "PULL_REQUEST=7", "GH_TOKEN=x", "GITHUB_STEP_SUMMARY=/dev/null",
		},
		scripts: func(t *testing.T) []string { return githubScripts(t)["review"] },
	},
	"GitLab CI": {
		env: []string{
			"CI_API_V4_URL=https://gitlab.example.com/api/v4", "CI_PROJECT_ID=3", "CI_MERGE_REQUEST_IID=7", "CI_DEFAULT_BRANCH=main",
			"CI_MERGE_REQUEST_TARGET_BRANCH_NAME=main", "CI_JOB_TOKEN=job", "PERENNIAL_COMMENT_TOKEN=comments",
		},
		scripts: func(t *testing.T) []string {
			all := gitlabScripts(t)
			return []string{all["lint"][0], all["test"][0], all["plan"][0]}
		},
	},
}

func TestTheJobsDoWhatThePageSays(t *testing.T) {
	for _, program := range []string{"bash", "git"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("needs %s: %v", program, err)
		}
	}
	snapshot := takeSnapshot(t)
	for name, p := range pipelines {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, snapshot, p.env...)
			scripts := p.scripts(t)
			lint, test, plan := scripts[0], scripts[1], scripts[2:]
			review := func(dir string) {
				t.Helper()
				for _, script := range plan {
					s.must(dir, script)
				}
			}
			dir := s.branch("stricter", "model-standard.yaml", "min: 70", "min: 92")
			s.must(dir, lint)
			if out, err := s.run(dir, test); err == nil || !strings.Contains(out, "want Healthy") {
				t.Errorf("a model that scores otherwise passes its tests: %v\n%s", err, out)
			}
			checkReports(t, dir)
			review(dir)
			first := s.plans()
			if len(first) != 1 || !strings.HasPrefix(first[0], marker) || !strings.Contains(first[0], "AtRisk") || !strings.Contains(first[0], "40 accounts") {
				t.Fatalf("the comments are %q", first)
			}
			review(s.branch("other-words", "playbook-detractor.yaml", "limits:", "suspend: true\n  limits:"))
			second := s.plans()
			if len(second) != 1 || !strings.HasPrefix(second[0], marker) || second[0] == first[0] || !strings.Contains(second[0], "suspend") {
				t.Errorf("the comments are %q", second)
			}
			dir = s.branch("a-comment", "model-standard.yaml", "# How we score", "# The way we score")
			s.must(dir, test)
			review(dir)
			if third := s.plans(); len(third) != 1 || third[0] == second[0] || strings.Contains(third[0], "```diff") {
				t.Errorf("the comments are %q", third)
			}
			unread := s.branch("unread", "model-standard.yaml", "min: 70", "min: seventy")
			if out, err := s.run(unread, plan[0]); err == nil {
				t.Errorf("files that the cluster refuses have a plan:\n%s", out)
			}
			if len(plan) > 1 { // the comment is a step of its own, which runs all the same
				s.must(unread, plan[1])
				if fourth := s.plans(); len(fourth) != 1 || !strings.Contains(fourth[0], "could not be worked out") {
					t.Errorf("the comments are %q", fourth)
				}
			}
			broken := s.branch("broken", "model-standard.yaml", "metrics.support.open_p1 > 0", "metrics.support.open_p7 > 0")
			if out, err := s.run(broken, lint); err == nil {
				t.Errorf("a metric that there is not passes:\n%s", out)
			}
		})
	}
}

// checkReports reads what a job hands to its server.
func checkReports(t *testing.T, dir string) {
	t.Helper()
	var suites struct {
		XMLName xml.Name
		Tests   int `xml:"tests,attr"`
	}
	if err := xml.Unmarshal([]byte(readFile(t, filepath.Join(dir, "tests.xml"))), &suites); err != nil || suites.Tests < 10 {
		t.Errorf("tests.xml is %+v: %v", suites, err)
	}
	found, err := os.ReadFile(filepath.Join(dir, "lint.sarif"))
	if err != nil {
		return // GitLab's job has none
	}
	var sarif struct{ Version string }
	if err := json.NewDecoder(bytes.NewReader(found)).Decode(&sarif); err != nil || sarif.Version != "2.1.0" {
		t.Errorf("lint.sarif has the version %q: %v", sarif.Version, err)
	}
}

// takeSnapshot has an operator work on the samples, and does what the scheduled job does.
func takeSnapshot(t *testing.T) []byte {
	t.Helper()
	control := api.Get(t)
	kubectl := func(args ...string) string {
		t.Helper()
		out, err := control.RunKubectl(t.Context(), args...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	kubectl("create", "namespace", namespace)
	kubectl("apply", "--server-side", "-n", namespace, "-k", root+"/config/samples")
	m, err := manager.New(control.Config(), manager.Options{Namespaces: []string{namespace}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.Start(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	var last error
	err = wait.PollUntilContextTimeout(t.Context(), 200*time.Millisecond, 3*time.Minute, true, func(context.Context) (bool, error) {
		out := kubectl("get", "accounts", "-n", namespace, "-o", `jsonpath={range .items[*]}{.status.health.band}{"\n"}{end}`)
		if n := len(regexp.MustCompile(`(?m)^\w+$`).FindAllString(out, -1)); n < 40 {
			last = fmt.Errorf("%d accounts are scored", n)
			return false, nil
		}
		return true, nil
	})
	if err != nil {
		t.Fatal(err, last)
	}
	s := newServer(t, nil, "KUBECONFIG="+control.KubeconfigPath())
	dir := t.TempDir()
	for _, script := range gitlabScripts(t)["snapshot"] {
		s.must(dir, script)
	}
	return []byte(readFile(t, filepath.Join(dir, "snapshot.jsonl.gz")))
}
