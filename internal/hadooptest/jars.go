package hadooptest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
)

// Version is the Hadoop release that the tests run against; pom.xml asks for it.
const Version = "3.4.2"

// jars returns the directory that holds the daemons' jars, fetching them with Maven the first time.
var jars = sync.OnceValues(func() (string, error) {
	dir, err := jarDir()
	if err != nil {
		return "", err
	}
	if complete(dir) {
		return dir, nil
	}
	if _, err := exec.LookPath("mvn"); err != nil {
		return "", fmt.Errorf("no Hadoop jars in %s and no Maven (mvn) to fetch them: %w", dir, err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	// The tests of several packages run at once, each in a process of its own: one fetches, the others wait for it.
	lock, err := os.OpenFile(filepath.Join(dir, ".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	if complete(dir) {
		return dir, nil
	}
	_, file, _, _ := runtime.Caller(0)
	script := filepath.Join(filepath.Dir(file), "fetch.sh")
	out, err := exec.Command("sh", script, dir).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("fetching the Hadoop jars: %w: %s", err, tail(string(out), 600))
	}
	return dir, nil
})

func jarDir() (string, error) {
	if dir := os.Getenv("HOWDAH_HADOOP_LIB"); dir != "" {
		return filepath.Abs(dir)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no place for the Hadoop jars; set HOWDAH_HADOOP_LIB: %w", err)
	}
	return filepath.Join(cache, "howdah", "hadoop-"+Version), nil
}

func complete(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, ".complete"))
	return err == nil
}

// javaCommand returns the Java to run. Hadoop 3.4 does not run on Java 24 and later (getSubject is not supported), nor before 8.
var javaCommand = sync.OnceValues(func() (string, error) {
	java := "java"
	if home := os.Getenv("JAVA_HOME"); home != "" {
		java = filepath.Join(home, "bin", "java")
	}
	java, err := exec.LookPath(java)
	if err != nil {
		return "", fmt.Errorf("no Java: %w", err)
	}
	out, err := exec.Command(java, "-XshowSettings:properties", "-version").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s -version: %w", java, err)
	}
	for line := range strings.Lines(string(out)) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), "java.specification.version = "); ok {
			switch v {
			case "11", "17", "21":
				return java, nil
			}
			return "", fmt.Errorf("%s is Java %s; Hadoop %s runs on 11, 17 or 21: set JAVA_HOME", java, v, Version)
		}
	}
	return "", errors.New(java + " does not tell its version")
})

func tail(s string, n int) string {
	if len(s) > n {
		s = "…" + s[len(s)-n:]
	}
	return strings.TrimSpace(s)
}
