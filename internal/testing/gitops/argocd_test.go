package gitops

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	lua "github.com/yuin/gopher-lua"
	"sigs.k8s.io/yaml"
)

const (
	customizations = root + "/config/argocd/resource_customizations"
	argoSettings   = root + "/config/argocd/argocd-cm.yaml"
)

// argoTime is when the scripts of these tests run.
var argoTime = time.Date(2026, 11, 22, 15, 4, 5, 0, time.UTC)

// runLua runs a script as Argo CD does: the libraries package, base and table alone, and of os what only tells the time, which
// must be required. There is no library string.
func runLua(script string, obj map[string]any) (any, error) {
	l := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer l.Close()
	for _, library := range []struct {
		name string
		open lua.LGFunction
	}{{lua.LoadLibName, lua.OpenPackage}, {lua.BaseLibName, lua.OpenBase}, {lua.TabLibName, lua.OpenTable}} {
		if err := l.CallByParam(lua.P{Fn: l.NewFunction(library.open), Protect: true}, lua.LString(library.name)); err != nil {
			return nil, err
		}
	}
	l.PreloadModule(lua.OsLibName, func(l *lua.LState) int {
		l.Push(l.SetFuncs(l.NewTable(), map[string]lua.LGFunction{"date": luaDate}))
		return 1
	})
	l.SetGlobal("obj", toLua(l, obj))
	if err := l.DoString(script); err != nil {
		return nil, err
	}
	return fromLua(l.Get(-1)), nil
}

// luaDate knows the letters that both strftime and Argo CD's copy of it know, in UTC.
func luaDate(l *lua.LState) int {
	format, utc := strings.CutPrefix(l.CheckString(1), "!")
	if !utc {
		l.RaiseError("%q is in the zone of whatever machine Argo CD runs on", format)
	}
	text := strings.NewReplacer("%Y", "2006", "%m", "01", "%d", "02", "%H", "15", "%M", "04", "%S", "05").Replace(format)
	if strings.Contains(text, "%") {
		l.RaiseError("%q has a letter that this test does not know", format)
	}
	l.Push(lua.LString(argoTime.Format(text)))
	return 1
}

// toLua makes Lua's value of one of JSON: numbers are floats there.
func toLua(l *lua.LState, v any) lua.LValue {
	switch v := v.(type) {
	case bool:
		return lua.LBool(v)
	case float64:
		return lua.LNumber(v)
	case string:
		return lua.LString(v)
	case []any:
		list := l.NewTable()
		for _, item := range v {
			list.Append(toLua(l, item))
		}
		return list
	case map[string]any:
		table := l.NewTable()
		for key, item := range v {
			table.RawSetString(key, toLua(l, item))
		}
		return table
	}
	return lua.LNil
}

// fromLua is the way back. Nobody can tell an empty list from an empty object there; Argo CD takes it for a list.
func fromLua(v lua.LValue) any {
	switch v := v.(type) {
	case lua.LBool:
		return bool(v)
	case lua.LNumber:
		return float64(v)
	case lua.LString:
		return string(v)
	case *lua.LTable:
		if v.Len() > 0 || v.MaxN() == 0 && isEmpty(v) {
			list := []any{}
			v.ForEach(func(_, item lua.LValue) { list = append(list, fromLua(item)) })
			return list
		}
		object := map[string]any{}
		v.ForEach(func(key, item lua.LValue) { object[lua.LVAsString(key)] = fromLua(item) })
		return object
	}
	return nil
}

func isEmpty(t *lua.LTable) bool {
	key, _ := t.Next(lua.LNil)
	return key == lua.LNil
}

// readYAML reads a file.
func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(text, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// settings are what Argo CD reads: argocd-cm as it is applied.
type settings map[string]string

func readSettings(t *testing.T) settings {
	t.Helper()
	var cm struct {
		APIVersion, Kind string
		Metadata         map[string]any
		Data             settings
	}
	readYAML(t, argoSettings, &cm)
	return cm.Data
}

// key names a setting of a kind.
func (s settings) key(t *testing.T, setting, kind string) string {
	t.Helper()
	text, ok := s["resource.customizations."+setting+".perennial.dev_"+kind]
	if !ok {
		t.Fatalf("argocd-cm says nothing of %s of %s", setting, kind)
	}
	return text
}

// actions are those of a kind.
type actions struct {
	Discovery   string   `json:"discovery.lua"`
	Definitions []action `json:"definitions"`
}

// action is one of them.
type action struct {
	Name   string `json:"name"`
	Action string `json:"action.lua"`
}

func (s settings) actions(t *testing.T, kind string) actions {
	t.Helper()
	var a actions
	if err := yaml.UnmarshalStrict([]byte(s.key(t, "actions", kind)), &a); err != nil {
		t.Fatal(err)
	}
	return a
}

// TestHealth goes through the cases in Argo CD's own form.
func TestHealth(t *testing.T) {
	type health struct {
		Status  string `json:"status"`
		Message string `json:"message"`
	}
	var cases struct {
		Tests []struct {
			InputPath    string `json:"inputPath"`
			HealthStatus health `json:"healthStatus"`
		} `json:"tests"`
	}
	folder := filepath.Join(customizations, "perennial.dev", "_")
	readYAML(t, filepath.Join(folder, "health_test.yaml"), &cases)
	all := readSettings(t)
	seen := map[string]bool{}
	for _, c := range cases.Tests {
		t.Run(c.InputPath, func(t *testing.T) {
			var obj map[string]any
			readYAML(t, filepath.Join(folder, c.InputPath), &obj)
			seen[c.InputPath] = true
			is, err := runLua(all.key(t, "health", obj["kind"].(string)), obj)
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]any{"status": c.HealthStatus.Status, "message": c.HealthStatus.Message}
			if diff := cmp.Diff(want, is); diff != "" {
				t.Errorf("want -, got +:\n%s", diff)
			}
		})
	}
	everyFileIsACase(t, filepath.Join(folder, "testdata"), "testdata/", seen)
}

// everyFileIsACase finds test data that no test reads.
func everyFileIsACase(t *testing.T, folder, prefix string, seen map[string]bool) {
	t.Helper()
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !seen[prefix+file.Name()] {
			t.Errorf("no case reads %s", filepath.Join(folder, file.Name()))
		}
	}
}

// actionCases is Argo CD's action_test.yaml.
type actionCases struct {
	DiscoveryTests []struct {
		InputPath string           `json:"inputPath"`
		Result    []map[string]any `json:"result"`
	} `json:"discoveryTests"`
	ActionTests []struct {
		Action             string `json:"action"`
		InputPath          string `json:"inputPath"`
		ExpectedOutputPath string `json:"expectedOutputPath"`
	} `json:"actionTests"`
}

// TestActions goes through the cases in Argo CD's own form.
func TestActions(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(customizations, "perennial.dev", "*", "actions", "action_test.yaml"))
	if err != nil || len(files) < 7 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	all := readSettings(t)
	for _, file := range files {
		folder := filepath.Dir(file)
		kind := filepath.Base(filepath.Dir(folder))
		t.Run(kind, func(t *testing.T) {
			var cases actionCases
			readYAML(t, file, &cases)
			scripts := all.actions(t, kind)
			seen := map[string]bool{}
			discovered := checkDiscovery(t, folder, scripts.Discovery, cases, seen)
			tried := map[string]bool{}
			for _, c := range cases.ActionTests {
				seen[c.InputPath], seen[c.ExpectedOutputPath], tried[c.Action] = true, true, true
				at := slices.IndexFunc(scripts.Definitions, func(d action) bool { return d.Name == c.Action })
				if at < 0 {
					t.Fatalf("there is no action %s", c.Action)
				}
				var in, want map[string]any
				readYAML(t, filepath.Join(folder, c.InputPath), &in)
				readYAML(t, filepath.Join(folder, c.ExpectedOutputPath), &want)
				is, err := runLua(scripts.Definitions[at].Action, in)
				if err != nil {
					t.Fatalf("%s: %v", c.Action, err)
				}
				if diff := cmp.Diff(want, is); diff != "" {
					t.Errorf("%s of %s: want -, got +:\n%s", c.Action, c.InputPath, diff)
				}
			}
			for _, d := range scripts.Definitions {
				if !tried[d.Name] || !discovered[d.Name] {
					t.Errorf("action %s: tried: %v, discovered: %v", d.Name, tried[d.Name], discovered[d.Name])
				}
				delete(discovered, d.Name)
			}
			if len(discovered) > 0 {
				t.Errorf("these have no script: %v", slices.Sorted(maps.Keys(discovered)))
			}
			everyFileIsACase(t, filepath.Join(folder, "testdata"), "testdata/", seen)
		})
	}
}

// checkDiscovery checks which actions are offered, and returns their names.
func checkDiscovery(t *testing.T, folder, script string, cases actionCases, seen map[string]bool) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, c := range cases.DiscoveryTests {
		seen[c.InputPath] = true
		var in map[string]any
		readYAML(t, filepath.Join(folder, c.InputPath), &in)
		is, err := runLua(script, in)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]any{}
		for _, action := range c.Result {
			name := fmt.Sprint(action["name"])
			delete(action, "name")
			want[name], names[name] = action, true
		}
		if diff := cmp.Diff(want, is); diff != "" {
			t.Errorf("actions of %s: want -, got +:\n%s", c.InputPath, diff)
		}
	}
	return names
}

func TestEveryKindHasAHealthCheck(t *testing.T) {
	all := readSettings(t)
	for _, kind := range kinds() {
		all.key(t, "health", kind)
	}
	for key, text := range all {
		if len(key) > 253 || strings.Contains(key, "*") {
			t.Errorf("%s is no key of a ConfigMap", key)
		}
		if strings.Contains(key, ".ignoreDifferences.") {
			var ignore struct{ JSONPointers, ManagedFieldsManagers []string }
			if err := yaml.UnmarshalStrict([]byte(text), &ignore); err != nil {
				t.Errorf("%s: %v", key, err)
			}
			want := []string{"/spec/measurements", "/spec/healthOverride"}
			if diff := cmp.Diff(want, ignore.JSONPointers); diff != "" {
				t.Error(diff)
			}
		}
	}
}

// TestScriptsUseWhatArgoCDHas is about libraries: a script that needs another one runs nowhere but in a test.
func TestScriptsUseWhatArgoCDHas(t *testing.T) {
	for script, missing := range map[string]bool{
		`return {x = string.sub("a", 1)}`:                 true,
		`return {x = os.time()}`:                          true,
		`return {x = math.floor(1.5)}`:                    true,
		`return {x = io.read()}`:                          true,
		`local os = require("os") return {x = os.getenv}`: false,
	} {
		is, err := runLua(script, nil)
		if (err != nil) != missing {
			t.Errorf("%s: %v, %v", script, is, err)
		}
	}
	for _, kind := range kinds() {
		for name, obj := range map[string]map[string]any{
			"no status": {"metadata": map[string]any{"generation": 1.0}, "spec": map[string]any{}},
			"no spec":   {"metadata": map[string]any{"generation": 1.0}, "status": map[string]any{"observedGeneration": 1.0}},
		} {
			if is, err := runLua(readSettings(t).key(t, "health", kind), obj); err != nil || is.(map[string]any)["status"] != "Progressing" {
				t.Errorf("%s with %s: %v, %v", kind, name, is, err)
			}
		}
	}
}
