package jobs

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// processAlive tells whether the process that started a run still lives. A process of that id which began after the run
// was claimed is another one: ids are used again.
func processAlive(pid int, claimed time.Time) bool {
	if syscall.Kill(pid, 0) == syscall.ESRCH {
		return false
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return !os.IsNotExist(err)
	}
	// The name in parentheses may hold anything; state is field 3, starttime field 22, in ticks of 1/100 s since boot.
	text := string(stat)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 20 {
		return true
	}
	if fields[0] == "Z" {
		return false
	}
	ticks, err := strconv.ParseInt(fields[19], 10, 64)
	up, err2 := os.ReadFile("/proc/uptime")
	if err != nil || err2 != nil {
		return true
	}
	seconds, err := strconv.ParseFloat(strings.Fields(string(up))[0], 64)
	if err != nil {
		return true
	}
	age := time.Duration((seconds - float64(ticks)/100) * float64(time.Second))
	return age+5*time.Second >= time.Since(claimed)
}
