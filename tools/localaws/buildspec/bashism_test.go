package buildspec

import (
	"os/exec"
	"testing"
)

// The table lists commands with the construct that is found in them, and its
// line.
var bashisms = []struct {
	command, what string
	line          int
}{
	{"[[ a == b ]]", "[[", 0},
	{"if [[ -n $A ]]; then echo; fi", "[[", 0},
	{"true && [[ -n $A ]]", "[[", 0},
	{"A=1 source x", "source", 0},
	{"echo a\nsource x", "source", 1},
	{"! source x", "source", 0},
	{"arr=(a b); echo ${arr[1]}", "an array", 0},
	{"arr+=(c)", "an array", 0},
	{"arr[0]=x", "an array", 0},
	{"function f { echo; }; f", "function", 0},
	{"function f() {\n echo\n}", "function", 0},
	{"diff <(ls) x", "<(...)", 0},
	{"ls | tee >(cat) ", ">(...)", 0},
	{"echo ${A//a/b}", "${A//a/b}", 0},
	{`echo "x${A/a/b}"`, "${A/a/b}", 0},
	{`echo "${A:0:3}"`, "${A:0:3}", 0},
	{`echo ${A^^}`, "${A^^}", 0},
	{`echo ${!A}`, "${!A}", 0},
	{`echo ${#A[@]}`, "${#A[@]}", 0},
	{`echo ${A:-${B,,}}`, "${B,,}", 0},
	{"make &>log", "&>", 0},
	{"set -o pipefail", "set -o pipefail", 0},
	{"set -euo pipefail; make", "set -o pipefail", 0},
	{"cat <<<x", "<<<", 0},
	{"X=$(cat <<< x)", "<<<", 0},
	{"X=`source x`", "source", 0},
	{`echo "$(source x)"`, "source", 0},
	{`[ "$A" == b ]`, "[ with ==", 0},
	{"pushd x", "pushd", 0},
	{"case $A in\n  a) source x ;;\nesac", "source", 1},
	{"cat <<EOF\nsource x\nEOF\nsource y\n", "source", 3},
	{"(cd x; source y)", "source", 0},

	{command: "[ a = b ] && echo '[[ a ]]'"},
	{command: `echo "[[ a ]] source x <(y) &>z <<<w"`},
	{command: "bash -c 'source x; arr=(a b); echo ${arr[0]}'"},
	{command: "bash <<'EOF'\nsource x\n[[ a ]]\nEOF\n"},
	{command: "bash <<-EOF\n\t[[ a ]]\n\tEOF\necho\n"},
	{command: "echo # source x\n# [[ a ]]"},
	{command: "echo source x; grep -r '[[' ."},
	{command: "echo [[ a ]]"},
	{command: "f() { echo; }; f >log 2>&1 & wait"},
	{command: "echo ${A:-b} ${A#*/} ${A%%/*} ${#A} ${A:+c} ${A:?d}"},
	{command: "echo $((1<<2)) $(( (1+2) * 3 ))"},
	{command: "awk '{ print ${x//a/b} }' && sed -e 's/${a[0]}//'"},
	{command: `echo \${A//a/b}`},
	{command: "make >&2 </dev/null"},
	{command: "set -e -o nounset"},
	{command: `case "$A" in [[:digit:]]*) echo ;; *) ;; esac`},
	{command: "aws s3 cp x s3://y --exclude '*' --include a==b"},
	{command: "for f in *; do test -f $f && . ./$f; done"},
	{command: "echo it\\'s <x >y"},
	{command: "X=$(cat <<E\n[[ a ]]\nE\n)"},
	{command: "echo ${"},
	{command: "echo 'unfinished"},
	{command: ""},
}

func TestBashism(t *testing.T) {
	t.Parallel()
	for _, test := range bashisms {
		if what, line := bashism(test.command); what != test.what || line != test.line {
			t.Errorf("%q: %q in line %d, want %q in line %d", test.command, what, line, test.what, test.line)
		}
	}
}

// What is taken for no bashism is something that dash can parse.
func TestDashReadsTheRest(t *testing.T) {
	t.Parallel()
	dash, err := exec.LookPath("dash")
	if err != nil {
		t.Skip("this host has no dash")
	}
	for _, test := range bashisms {
		switch test.command {
		// These are broken for every shell.
		case "echo ${", "echo 'unfinished":
			continue
		}
		if test.what != "" {
			continue
		}
		if out, err := exec.CommandContext(t.Context(), dash, "-n", "-c", test.command).CombinedOutput(); err != nil {
			t.Errorf("%q: %v %s", test.command, err, out)
		}
	}
}
