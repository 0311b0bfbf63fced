package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"howdah/jobs"
)

// What README tells a user to do is there to be done.
func TestReadme(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for _, line := range []string{
		"go run ./cmd/howdah run jobs/examples/flights-late.yaml",
		"bash internal/test.sh",
		"go install ./cmd/howdah",
	} {
		if !strings.Contains(text, "\n```sh\n"+line+"\n```\n") {
			t.Errorf("no code block of its own: %s", line)
		}
	}
	// The annotated job is the example, with other spaces and comments.
	annotated := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindStringSubmatch(text)
	if annotated == nil {
		t.Fatal("no job file")
	}
	got, err := jobs.Load("README.md", []byte(annotated[1]))
	if err != nil {
		t.Fatal(err)
	}
	b, err = os.ReadFile("../../jobs/examples/flights-late.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want, err := jobs.Load("flights-late.yaml", b)
	if err != nil {
		t.Fatal(err)
	}
	if got.Spec.RecipeHash() != want.Spec.RecipeHash() {
		t.Error("the annotated job file is not jobs/examples/flights-late.yaml any more")
	}
	// Links lead somewhere, and every command is in the table.
	for _, m := range regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(text, -1) {
		if !strings.Contains(m[1], "://") {
			if _, err := os.Stat("../../" + m[1]); err != nil {
				t.Error(err)
			}
		}
	}
	for _, c := range newRoot().Commands() {
		if n := c.Name(); n != "help" && n != "completion" && n != "version" && !strings.Contains(text, "`howdah "+n) {
			t.Errorf("README does not know howdah %s", n)
		}
	}
}
