package hadooptest

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// properties is the content of one of Hadoop's configuration files.
type properties map[string]string

func (p properties) write(file string) error {
	var b bytes.Buffer
	b.WriteString("<?xml version=\"1.0\"?>\n<configuration>\n")
	for _, k := range slices.Sorted(maps.Keys(p)) {
		b.WriteString("  <property><name>")
		xml.EscapeText(&b, []byte(k))
		b.WriteString("</name><value>")
		xml.EscapeText(&b, []byte(p[k]))
		b.WriteString("</value></property>\n")
	}
	b.WriteString("</configuration>\n")
	return os.WriteFile(file, b.Bytes(), 0o644)
}

const log4j = `log4j.rootLogger=INFO,A
log4j.appender.A=org.apache.log4j.ConsoleAppender
log4j.appender.A.target=System.err
log4j.appender.A.layout=org.apache.log4j.PatternLayout
log4j.appender.A.layout.ConversionPattern=%d{ISO8601} %p %c{2}: %m%n
`

// configure writes the cluster's configuration directory.
func (c *Cluster) configure() error {
	core := properties{
		"fs.defaultFS":                               c.URI(),
		"hadoop.tmp.dir":                             filepath.Join(c.dir, "tmp"),
		"hadoop.http.staticuser.user":                "hdfs",
		"hadoop.security.authorization":              "false",
		"ipc.client.connect.max.retries.on.timeouts": "3",
		"ipc.client.connect.retry.interval":          "200",
	}
	hdfs := properties{
		"dfs.replication":                          fmt.Sprint(c.opts.Replication),
		"dfs.permissions.enabled":                  "true",
		"dfs.namenode.handler.count":               "10",
		"dfs.datanode.handler.count":               "5",
		"dfs.namenode.edits.noeditlogchannelflush": "true", // no fsync: the data lives as long as the test
		"dfs.namenode.safemode.extension":          "0",
		"dfs.namenode.safemode.min.datanodes":      "1",
		// A dead DataNode is noticed in 2 x 2 s + 10 x 1 s instead of ten minutes.
		"dfs.heartbeat.interval":                                         "1",
		"dfs.namenode.heartbeat.recheck-interval":                        "2000",
		"dfs.namenode.stale.datanode.interval":                           "3000",
		"dfs.namenode.redundancy.interval.seconds":                       "1s",
		"dfs.namenode.datanode.registration.ip-hostname-check":           "false",
		"dfs.namenode.fs-limits.min-block-size":                          "1048576", // a small file can have many blocks
		"dfs.client.use.datanode.hostname":                               "false",
		"dfs.datanode.du.reserved":                                       "0",
		"dfs.client.block.write.replace-datanode-on-failure.best-effort": "true",
	}
	if c.opts.BlockSize > 0 {
		hdfs["dfs.blocksize"] = fmt.Sprint(c.opts.BlockSize)
	}
	if c.opts.HA {
		hdfs["dfs.nameservices"] = nameService
		hdfs["dfs.ha.namenodes."+nameService] = "nn1,nn2"
		hdfs["dfs.namenode.shared.edits.dir"] = fmt.Sprintf("qjournal://%s/%s", c.journal, nameService)
		hdfs["dfs.journalnode.rpc-address"] = c.journal
		hdfs["dfs.journalnode.http-address"] = loopback + ":0"
		hdfs["dfs.journalnode.edits.dir"] = filepath.Join(c.dir, "journal")
		hdfs["dfs.client.failover.proxy.provider."+nameService] = "org.apache.hadoop.hdfs.server.namenode.ha.ConfiguredFailoverProxyProvider"
		hdfs["dfs.ha.fencing.methods"] = "shell(/bin/true)"
		hdfs["dfs.ha.automatic-failover.enabled"] = "false"
		hdfs["dfs.ha.tail-edits.period"] = "1s"
	}
	for i, nn := range c.names {
		suffix := ""
		if c.opts.HA {
			suffix = fmt.Sprintf(".%s.nn%d", nameService, i+1)
		}
		hdfs["dfs.namenode.rpc-address"+suffix] = nn.rpc
		hdfs["dfs.namenode.http-address"+suffix] = nn.http
		hdfs["dfs.namenode.name.dir"+suffix] = "file://" + filepath.Join(c.dir, fmt.Sprintf("name%d", i+1))
	}
	for k, v := range c.opts.Properties {
		hdfs[k] = v
	}
	// The hadoop-hdfs jar comes without its web pages, and the daemons insist on the folders.
	for _, w := range []string{"hdfs", "datanode", "secondary", "journal"} {
		if err := os.MkdirAll(filepath.Join(c.conf, "webapps", w), 0o755); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(c.conf, "log4j.properties"), []byte(log4j), 0o644); err != nil {
		return err
	}
	if err := core.write(filepath.Join(c.conf, "core-site.xml")); err != nil {
		return err
	}
	return hdfs.write(filepath.Join(c.conf, "hdfs-site.xml"))
}

const loopback = "127.0.0.1"

var ports struct {
	sync.Mutex
	given map[int]bool
}

// freePort picks a port that nobody holds, below the range from which outgoing connections take theirs, and never the same one twice.
func freePort() (int, error) {
	ports.Lock()
	defer ports.Unlock()
	if ports.given == nil {
		ports.given = map[int]bool{}
	}
	for range 1000 {
		p := 15000 + rand.IntN(17000)
		if ports.given[p] {
			continue
		}
		l, err := net.Listen("tcp4", fmt.Sprintf("%s:%d", loopback, p))
		if err != nil {
			continue
		}
		l.Close()
		ports.given[p] = true
		return p, nil
	}
	return 0, fmt.Errorf("no free port on %s", loopback)
}

func freeAddress() (string, error) {
	p, err := freePort()
	return fmt.Sprintf("%s:%d", loopback, p), err
}
