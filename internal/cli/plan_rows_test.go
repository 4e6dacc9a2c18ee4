package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// otherRows is a clone of the samples in which a file of rows is written anew.
func otherRows(t *testing.T, file, pattern, instead string) string {
	t.Helper()
	folder := planBranch(t)
	path := filepath.Join(folder, file)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	after := regexp.MustCompile(pattern).ReplaceAll(text, []byte(instead))
	if string(after) == string(text) {
		t.Fatal("nothing was replaced")
	}
	if err := os.WriteFile(path, after, 0o600); err != nil {
		t.Fatal(err)
	}
	return folder
}

// The rows of a source are in git, too: ConfigMaps that the same pull request changes. The operator reads them as soon as they
// are applied: accounts move, and sets write them anew.
func TestPlanOfOtherRowsInTheFiles(t *testing.T) {
	usage := otherRows(t, "data/usage.csv", `(?m)^([^,\n]+,)\d+,\d+,[^,]*,[^,]*,[^,]*,`, "${1}0,0,0,-90,0,")
	for name, test := range map[string]struct{ folder, ahead, says string }{
		"nobody uses the product any more":                        {usage, "0s", `accounts? moves? down`},
		"and looking ahead it is not only whom midnight wakes up": {usage, "1d", `[1-9]\d accounts move down`},
		"another account manager":                                 {otherRows(t, "data/crm.csv", `[a-z.]+@example\.com`, "nobody-else@example.com"), "1d", `spec\.owner`},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errOut := runPlan(t, false, "-k", test.folder, "--against", planSamples, "--ahead", test.ahead)
			if code != ExitChanges || !regexp.MustCompile(test.says).MatchString(out) {
				t.Errorf("exit code %d, and no %q in\n%.600s%s", code, test.says, out, errOut)
			}
		})
	}
}
