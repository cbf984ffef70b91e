package main

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// pgbench is Debian's benchmark of PostgreSQL with a script made from a creation.
type pgbench struct {
	b         *bench
	script    string   // path
	variables []string // name=value: the arguments, as the product sent them
	env       []string // how to reach the database
	round     int
}

// scriptHead gives every transaction a link id, a key and a hash of its own. The
// ids rise, as the product's do; the hash is spread, as its are.
const scriptHead = `\set n :n + 1
\set id :round * 1000000000000 + :client_id * 1000000000 + :n
\set hash random(1000000000000000000, 9000000000000000000)
`

// newPgbench writes the script: each statement seen, in order, with its
// arguments as variables; in place of what is unique, the transaction's own.
func (b *bench) newPgbench(database *url.URL, seen creation) (*pgbench, error) {
	conn, err := pgx.Connect(b.ctx, database.String())
	if err != nil {
		return nil, err
	}
	defer conn.Close(b.ctx)
	p := &pgbench{b: b, env: append(os.Environ(),
		"PGHOST="+database.Hostname(), "PGPORT="+database.Port(), "PGUSER="+database.User.Username(), "PGDATABASE="+name(database))}
	if password, ok := database.User.Password(); ok {
		p.env = append(p.env, "PGPASSWORD="+password)
	}
	var script strings.Builder
	script.WriteString(scriptHead)
	writes := 0
	for i, s := range seen.statements {
		if strings.HasPrefix(strings.TrimSpace(s.sql), "INSERT") {
			writes++
		}
		line, err := p.line(b.ctx, conn, i, s, seen)
		if err != nil {
			return nil, err
		}
		script.WriteString(line + ";\n")
	}
	if writes < 4 { // key, link, event and locator at the least
		return nil, fmt.Errorf("a creation was seen to make %d insertions: too few to be one", writes)
	}
	p.script = filepath.Join(b.dir, "create.pgbench")
	if b.profiles != "" {
		p.script = filepath.Join(b.profiles, "create.pgbench") // kept, to be read
	}
	return p, os.WriteFile(p.script, []byte(script.String()), 0o644)
}

var (
	placeholder = regexp.MustCompile(`\$(\d+)`)
	space       = regexp.MustCompile(`\s+`)
)

// line is one statement of the script. NULL and the
// empty text are written out: no variable can hold them.
func (p *pgbench) line(ctx context.Context, conn *pgx.Conn, number int, s statement, seen creation) (string, error) {
	sql := strings.TrimSpace(space.ReplaceAllString(s.sql, " "))
	if len(s.args) == 0 {
		return sql, nil
	}
	prepared, err := conn.Prepare(ctx, "", s.sql)
	if err != nil {
		return "", fmt.Errorf("preparing %s: %w", sql, err)
	}
	words := make([]string, len(s.args))
	for i, arg := range s.args {
		if arg == nil {
			words[i] = "NULL"
			continue
		}
		text, err := argument(arg, s.binary[i], prepared.ParamOIDs[i])
		if err != nil {
			return "", fmt.Errorf("%s, argument %d: %w", sql, i+1, err)
		}
		switch text {
		case "":
			words[i] = "''"
		case seen.id, seen.idKey:
			words[i] = ":id"
		case seen.tokenHash:
			words[i] = ":hash || '" + text[min(19, len(text)):] + "'"
		default:
			variable := fmt.Sprintf("s%d_%d", number, i+1)
			p.variables = append(p.variables, "-D", variable+"="+text)
			words[i] = ":" + variable
		}
	}
	return placeholder.ReplaceAllStringFunc(sql, func(at string) string {
		n, _ := strconv.Atoi(at[1:])
		return words[n-1]
	}), nil
}

// argument is the text of one argument as it was on the wire.
func argument(raw []byte, isBinary bool, oid uint32) (string, error) {
	switch {
	case oid == pgtype.ByteaOID && isBinary:
		return `\x` + hex.EncodeToString(raw), nil
	case !isBinary || oid == pgtype.TextOID:
		return string(raw), nil
	case oid == pgtype.Int8OID && len(raw) == 8:
		return strconv.FormatInt(int64(binary.BigEndian.Uint64(raw)), 10), nil
	case oid == pgtype.Int4OID && len(raw) == 4:
		return strconv.FormatInt(int64(int32(binary.BigEndian.Uint32(raw))), 10), nil
	}
	return "", fmt.Errorf("a kind of value that is not known here (type %d)", oid)
}

var tps = regexp.MustCompile(`tps = ([0-9.]+)`)

// run is one round; it gives transactions per second.
func (p *pgbench) run() (float64, error) {
	p.round++
	args := append([]string{
		"-n", "-M", "prepared", "-c", strconv.Itoa(p.b.clients), "-j", "2", "-T", strconv.Itoa(max(1, int(p.b.length.Seconds()))),
		"-D", "n=0", "-D", "round=" + strconv.Itoa(p.round), "-f", p.script,
	}, p.variables...)
	c := exec.CommandContext(p.b.ctx, "pgbench", args...)
	c.Env = p.env
	out, err := c.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("pgbench: %w\n%s", err, out)
	}
	found := tps.FindSubmatch(out)
	if found == nil {
		return 0, fmt.Errorf("pgbench does not tell its rate:\n%s", out)
	}
	return strconv.ParseFloat(string(found[1]), 64)
}
