// Logging in to Kerberos: by keytab, or by the ticket cache that kinit filled.

package hdfsio

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/user"
	"strings"

	krb "github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/credentials"
	"github.com/jcmturner/gokrb5/v8/keytab"
)

// login returns a Kerberos client. It reads files and does not talk to the KDC yet; the client fetches and renews its tickets itself.
func login(o Options) (*krb.Client, error) {
	confFile := cmp.Or(o.Krb5Conf, o.Getenv("KRB5_CONFIG"), "/etc/krb5.conf")
	conf, err := config.Load(confFile)
	if err != nil {
		return nil, fmt.Errorf("kerberos configuration %s: %w: set KRB5_CONFIG", confFile, err)
	}
	tab := cmp.Or(o.Keytab, o.Getenv("HOWDAH_KEYTAB"))
	principal := cmp.Or(o.Principal, o.Getenv("HOWDAH_PRINCIPAL"))
	if tab == "" {
		return loginCache(o, conf)
	}
	kt, err := keytab.Load(tab)
	if err != nil {
		return nil, fmt.Errorf("keytab %s: %w: set HOWDAH_KEYTAB to a readable keytab", tab, err)
	}
	var known []string
	for _, e := range kt.Entries {
		p := strings.Join(e.Principal.Components, "/") + "@" + e.Principal.Realm
		if len(known) == 0 || known[len(known)-1] != p {
			known = append(known, p)
		}
	}
	if principal == "" {
		if len(known) != 1 {
			return nil, fmt.Errorf("keytab %s has %d principals (%s): set HOWDAH_PRINCIPAL to one of them", tab, len(known), strings.Join(known, ", "))
		}
		principal = known[0]
	}
	name, realm, ok := strings.Cut(principal, "@")
	if !ok {
		realm = conf.LibDefaults.DefaultRealm
	}
	if realm == "" {
		return nil, fmt.Errorf("principal %s has no realm, and %s has no default_realm: write it as name@REALM", principal, confFile)
	}
	found := false
	for _, p := range known {
		found = found || p == name+"@"+realm
	}
	if !found {
		return nil, fmt.Errorf("keytab %s has no key of %s@%s; it has %s", tab, name, realm, strings.Join(known, ", "))
	}
	// Active Directory's pre-authentication by FAST is not offered by gokrb5.
	return krb.NewWithKeytab(name, realm, kt, conf, krb.DisablePAFXFAST(true)), nil
}

func loginCache(o Options, conf *config.Config) (*krb.Client, error) {
	name := o.Getenv("KRB5CCNAME")
	if kind, rest, ok := strings.Cut(name, ":"); ok && !strings.HasPrefix(name, "/") {
		if kind != "FILE" {
			return nil, unsupported("ticket cache %s: only FILE: caches can be read; use a keytab (HOWDAH_KEYTAB)", name)
		}
		name = rest
	}
	if name == "" {
		u, err := user.Current()
		if err != nil {
			return nil, err
		}
		name = "/tmp/krb5cc_" + u.Uid
	}
	cc, err := credentials.LoadCCache(name)
	if errors.Is(err, os.ErrNotExist) {
		msg := "the cluster wants Kerberos, and there is neither a keytab (HOWDAH_KEYTAB, HOWDAH_PRINCIPAL) nor a ticket cache (" + name + ", from kinit)"
		if o.Getenv("HADOOP_TOKEN_FILE_LOCATION") != "" {
			msg += "; delegation tokens (HADOOP_TOKEN_FILE_LOCATION) are not supported: ship a keytab"
		}
		return nil, errors.New(msg)
	}
	if err != nil {
		return nil, fmt.Errorf("ticket cache %s: %w: run kinit, or use a keytab (HOWDAH_KEYTAB)", name, err)
	}
	c, err := krb.NewFromCCache(cc, conf, krb.DisablePAFXFAST(true))
	if err != nil {
		return nil, fmt.Errorf("ticket cache %s: %w: run kinit, or use a keytab (HOWDAH_KEYTAB)", name, err)
	}
	return c, nil
}
