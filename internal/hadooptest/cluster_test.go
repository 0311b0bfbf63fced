package hadooptest

import (
	"net"
	"os"
	"testing"
	"time"
)

// TestCluster starts an HDFS, restarts its NameNode, and sees that nothing is left of it.
func TestCluster(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	defer c.Stop()
	if err := c.RestartNameNode(); err != nil {
		t.Fatal(err)
	}
	if err := c.KillDataNode(0); err != nil {
		t.Fatal(err)
	}
	if err := c.KillDataNode(0); err == nil {
		t.Error("a DataNode was killed twice")
	}
	if err := c.StartDataNode(0); err != nil {
		t.Fatal(err)
	}
	if err := c.WaitReady(1); err != nil {
		t.Fatal(err)
	}
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(c.dir); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", c.dir, err)
	}
	if conn, err := net.DialTimeout("tcp", c.NameNode(0), time.Second); err == nil {
		conn.Close()
		t.Errorf("somebody still listens at %s", c.NameNode(0))
	}
}

func TestHighAvailability(t *testing.T) {
	t.Parallel()
	c := Start(t, Options{HA: true})
	if err := c.Failover(); err != nil {
		t.Fatal(err)
	}
	if err := c.Failover(); err != nil {
		t.Fatal(err)
	}
}
