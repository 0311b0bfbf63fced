package report

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"howdah/eval"
)

// browse loads the page in a real browser and returns its document after the scripts, and what the browser logged.
func browse(t *testing.T, html string) (dom, log string) {
	t.Helper()
	var browser string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			browser = p
			break
		}
	}
	if browser == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("no Chromium: install it (Debian: apt-get install chromium)")
		}
		t.Skip("no Chromium")
	}
	dir := t.TempDir()
	page := filepath.Join(dir, "report.html")
	if err := os.WriteFile(page, []byte(html), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
		"--disable-dev-shm-usage", "--user-data-dir="+filepath.Join(dir, "profile"), "--enable-logging=stderr", "--window-size=1200,2000",
		"--virtual-time-budget=3000", "--dump-dom", "file://"+page)
	var out, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	return out.String(), stderr.String()
}

// A script that the policy does not name is blocked, and browse sees that: the control of the next test.
func TestChromiumBlocks(t *testing.T) {
	t.Parallel()
	html := render(t, input(t, eval.Binary))
	dom, log := browse(t, strings.Replace(html, "</body>", "<script>document.title = 'stolen'</script></body>", 1))
	if !strings.Contains(log, "CONSOLE") || !strings.Contains(log, "Content Security Policy") {
		t.Errorf("the browser logs nothing of a blocked script: %s", log)
	}
	if strings.Contains(dom, "<title>stolen") {
		t.Error("a foreign script ran")
	}
}

// In a browser every chart is drawn, and the console stays empty: no script fails and the policy blocks nothing.
func TestChromium(t *testing.T) {
	t.Parallel()
	for _, task := range []eval.Task{eval.Binary, eval.Multiclass, eval.Regression} {
		t.Run(string(task), func(t *testing.T) {
			t.Parallel()
			in := input(t, task)
			dom, log := browse(t, render(t, in))
			for _, line := range strings.Split(log, "\n") {
				if strings.Contains(line, "CONSOLE") {
					t.Error(line)
				}
			}
			want := charts(in)
			if len(want) < 3 {
				t.Fatalf("%d charts", len(want))
			}
			if n := strings.Count(dom, "<canvas"); n != len(want) {
				t.Errorf("%d canvases, want %d", n, len(want))
			}
			if !strings.Contains(dom, `data-charts="`+strconv.Itoa(len(want))+`"`) {
				t.Errorf("the script did not draw %d charts", len(want))
			}
			for _, c := range want {
				if !strings.Contains(dom, `id="chart-`+c.ID+`" role="img"`) {
					t.Errorf("chart %s has no place or was not drawn", c.ID)
				}
			}
		})
	}
}
