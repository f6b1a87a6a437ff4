// SPDX-License-Identifier: Apache-2.0
/* Statements of the PostgreSQL store.  Parameters have their types here: nothing is guessed. */
#include "collector/store_pg.h"

#define ROW_COLS "id,boot,seq,last,n,body"
#define DAY_OF   "((id>>24)/8640)"
/* A slot's row and what lies beside it.  OFFSET 0: probes one by one, never a join of all. */
#define W10_OF(t, key)                                                                             \
	" LEFT JOIN LATERAL (SELECT * FROM w10 WHERE id=" key ".id AND n=" key ".n OFFSET 0) " t   \
	"w ON true LEFT JOIN LATERAL (SELECT * FROM w10x WHERE id=" key ".id AND n=" key           \
	".n OFFSET 0) " t "x ON true"
#define EITHER(col) "coalesce(w." col ",x." col ")"
#define EVENT_COLS  "j.n,j.host,j.id,j.boot,j.seq,j.at_ms,j.facts," EITHER("last") "," EITHER("body")
#define BOOT_COLS   "host,boot,ord,high,bits,floor,gaps,offset_ms,first_ms,heard_ms,windows"
#define SUM(what)   "coalesce(sum(" what "),0)::bigint"
#define TIER(t)                                                                                    \
	"SELECT r.id,r.windows,r.samples,r.body FROM generate_series($2::bigint,$3::bigint) b"     \
	" CROSS JOIN LATERAL (SELECT * FROM " t " WHERE id=((b<<24)|$1::bigint) OFFSET 0) r"       \
	" ORDER BY b"
#define PUT_TIER(t)                                                                                \
	"INSERT INTO " t " SELECT DISTINCT ON (id) id,windows,samples,body"                        \
	" FROM unnest($1::bigint[],$2::bigint[],$3::bigint[],$4::bytea[]) WITH ORDINALITY"         \
	" AS t(id,windows,samples,body,at) ORDER BY id, at DESC ON CONFLICT (id) DO UPDATE SET"    \
	" windows=excluded.windows,samples=excluded.samples,body=excluded.body"
#define EXPIRE_TIER(t)                                                                             \
	"WITH d AS (DELETE FROM " t " WHERE id IN (SELECT id FROM " t " WHERE id<$1::bigint"       \
	" ORDER BY id LIMIT $2::bigint) RETURNING windows,samples)"                                \
	" SELECT count(*)," SUM("windows") "," SUM("samples") " FROM d"
#define PURGE_TIER(t, tier)                                                                        \
	"WITH d AS (DELETE FROM " t " WHERE id=ANY($1::bigint[]) RETURNING windows,samples),"      \
	" t AS (UPDATE tally SET out_windows=out_windows+(SELECT " SUM(                            \
		"windows") " FROM d),out_samples=out_samples+(SELECT " SUM("samples") " FROM d)"   \
										      " WHERE "    \
										      "tier=" tier \
										      ") SELECT "  \
										      "count(*) "  \
										      "FROM d"
/* Takes @d's rows (id, w) off the count of their day, under this collector's name ($3). */
#define OFF_DAY                                                                                    \
	"INSERT INTO w10_day AS o SELECT " DAY_OF ",$3::bigint,-count(*),-sum(last-seq+1) FROM d"  \
	" GROUP BY 1 ON CONFLICT (day,writer) DO UPDATE SET rows=o.rows+excluded.rows,"            \
	" windows=o.windows+excluded.windows"
#define DAYS_THERE                                                                                 \
	"SELECT substr(c.relname,6)::bigint FROM pg_inherits i JOIN pg_class c"                    \
	" ON c.oid=i.inhrelid WHERE i.inhparent='w10'::regclass"
/* Locks of this schema; the numbers are only names. */
#define LOCK(n) "(hashtext(current_schema()||'.headroom')," n ")"

const char *const hr_pg_text[HR_PG_SQL_N] = {
	[HR_PG_PUT_HOST] = "INSERT INTO host(no,id,name) SELECT DISTINCT ON (no) no,id,name"
			   " FROM unnest($1::bigint[],$2::bytea[],$3::bytea[]) WITH ORDINALITY"
			   " AS t(no,id,name,at) ORDER BY no, at DESC"
			   " ON CONFLICT (no) DO UPDATE SET name=excluded.name",
	[HR_PG_PUT_BOOT] =
		"INSERT INTO seen(" BOOT_COLS ") SELECT DISTINCT ON (host,boot) " BOOT_COLS
		" FROM unnest($1::bigint[],$2::bigint[],$3::bigint[],$4::bigint[],$5::bigint[],"
		"$6::bigint[],$7::bytea[],$8::bigint[],$9::bigint[],$10::bigint[],$11::bigint[])"
		" WITH ORDINALITY AS t(" BOOT_COLS ",at) ORDER BY host,boot,at DESC"
		" ON CONFLICT (host,boot) DO UPDATE SET ord=excluded.ord,high=excluded.high,"
		"bits=excluded.bits,floor=excluded.floor,gaps=excluded.gaps,"
		"offset_ms=excluded.offset_ms,first_ms=excluded.first_ms,"
		"heard_ms=excluded.heard_ms,windows=excluded.windows",
	/* the number of rows it reports is that of those put beside */
	[HR_PG_PUT_ROW] =
		"WITH r AS MATERIALIZED (SELECT * FROM unnest($1::bigint[],$2::bigint[],"
		"$3::bigint[],$4::bigint[],$5::bigint[],$6::bytea[]) AS t(" ROW_COLS ")),"
		" i AS (INSERT INTO w10 SELECT " ROW_COLS " FROM r"
		" WHERE " DAY_OF "=ANY($8::bigint[]) ORDER BY id,n ON CONFLICT (id) DO NOTHING"
		" RETURNING id,n,last-seq+1 AS w),"
		" d AS (INSERT INTO w10_day AS o SELECT " DAY_OF ",$7::bigint,count(*),sum(w)"
		" FROM i GROUP BY 1 ON CONFLICT (day,writer) DO UPDATE SET"
		" rows=o.rows+excluded.rows, windows=o.windows+excluded.windows)"
		" INSERT INTO w10x SELECT * FROM r WHERE n NOT IN (SELECT n FROM i)",
	/* and the host's mark, by which another collector sees that its copy is old */
	[HR_PG_PUT_EVENT] =
		"WITH e AS MATERIALIZED (SELECT * FROM unnest($1::bigint[],$2::bigint[],"
		"$3::bigint[],$4::bigint[],$5::bigint[],$6::bigint[],$7::bytea[])"
		" AS t(n,host,id,boot,seq,at_ms,facts)),"
		" i AS (INSERT INTO journal(n,host,id,boot,seq,at_ms,facts,writer)"
		" SELECT e.*,$8::bigint FROM e)"
		" UPDATE host h SET last_n=m.n FROM (SELECT host,max(n) AS n FROM e GROUP BY host) "
		"m"
		" WHERE h.no=m.host",
	[HR_PG_PUT_FACTS] =
		"INSERT INTO facts SELECT DISTINCT ON (host) host,facts,at_ms"
		" FROM unnest($1::bigint[],$2::bytea[],$3::bigint[]) WITH ORDINALITY"
		" AS t(host,facts,at_ms,at) ORDER BY host, at DESC"
		" ON CONFLICT (host) DO UPDATE SET facts=excluded.facts,at_ms=excluded.at_ms",
	/* the one that knows more wins: another collector may be ahead; never of a forgotten host
	 */
	[HR_PG_PUT_STATE] =
		"INSERT INTO state AS o SELECT DISTINCT ON (t.host) t.host,t.upto,t.body,t.answer"
		" FROM unnest($1::bigint[],$2::bigint[],$3::bytea[],$4::bytea[]) WITH ORDINALITY"
		" AS t(host,upto,body,answer,at) JOIN host h ON h.no=t.host AND h.name<>''::bytea"
		" ORDER BY t.host, t.at DESC ON CONFLICT (host) DO UPDATE SET upto=excluded.upto,"
		"body=excluded.body,answer=excluded.answer WHERE o.upto<=excluded.upto",
	[HR_PG_PUT_LATE] = "INSERT INTO late SELECT * FROM unnest($1::bigint[],$2::bigint[])",
	[HR_PG_PUT_5MIN] = PUT_TIER("r300"),
	[HR_PG_PUT_HOUR] = PUT_TIER("r3600"),
	[HR_PG_TRIM_HOSTS] = "DELETE FROM journal j USING state s WHERE s.host=ANY($1::bigint[])"
			     " AND j.host=s.host AND j.n<=s.upto",
	[HR_PG_DROP_BOOT] = "DELETE FROM seen WHERE host=$1::bigint AND boot=$2::bigint",
	[HR_PG_TRIM] = "DELETE FROM journal WHERE n<$1::bigint",
	/* whole days before a slot, without a row that a model still needs */
	[HR_PG_OLD_DAYS] = "SELECT p.day," SUM("d.rows") "," SUM(
		"d.windows") " FROM (" DAYS_THERE ") p(day)"
			     " LEFT JOIN w10_day d USING (day)"
			     " WHERE (p.day+1)*8640<=$1::bigint AND NOT EXISTS(SELECT FROM journal "
			     "j"
			     " LEFT JOIN state s USING (host) WHERE j.id>=(p.day*8640)<<24"
			     " AND j.id<((p.day+1)*8640)<<24 AND j.n>=$2::bigint"
			     " AND (s.upto IS NULL OR j.n>s.upto)) GROUP BY p.day ORDER BY p.day",
	[HR_PG_DROP_DAY] = "DELETE FROM w10_day WHERE day=$1::bigint",
	[HR_PG_DROP_DAY_JOURNAL] = "DELETE FROM journal WHERE id>=($1::bigint*8640)<<24"
				   " AND id<(($1::bigint+1)*8640)<<24",
	[HR_PG_EXPIRE_BESIDE] =
		"WITH d AS (DELETE FROM w10x w WHERE id<($1::bigint<<24) AND NOT EXISTS(SELECT FROM"
		" journal j LEFT JOIN state s USING (host) WHERE j.host=(w.id&16777215) AND j.n=w.n"
		" AND j.n>=$2::bigint AND (s.upto IS NULL OR j.n>s.upto)) RETURNING last-seq+1"
		" AS w) SELECT count(*)," SUM("w") " FROM d",
	[HR_PG_MOVE] = "WITH d AS (DELETE FROM w10 WHERE id=$1::bigint AND n=$2::bigint"
		       " RETURNING *), q AS (INSERT INTO quarantine SELECT * FROM d) " OFF_DAY,
	[HR_PG_MOVE_BESIDE] = "WITH d AS (DELETE FROM w10x WHERE id=$1::bigint AND n=$2::bigint"
			      " RETURNING *) INSERT INTO quarantine SELECT * FROM d",
	[HR_PG_DROP_EVENT] = "DELETE FROM journal WHERE host=$1::bigint AND n=$2::bigint",
	[HR_PG_QUARANTINED] = "UPDATE tally SET bad_windows=bad_windows+$2::bigint WHERE tier=1"
			      " AND (EXISTS(SELECT FROM late WHERE n=$1::bigint) OR $3::bigint>bin"
			      " OR ($3::bigint=bin AND $4::bigint>=host))",
	[HR_PG_HOSTS] = "SELECT no,id,name,last_n FROM host ORDER BY no",
	[HR_PG_BOOTS] = "SELECT " BOOT_COLS " FROM seen ORDER BY host,ord",
	[HR_PG_STATES] = "SELECT host,upto,body,answer FROM state ORDER BY host",
	[HR_PG_JOURNAL] = "SELECT " EVENT_COLS " FROM journal j" W10_OF("", "j") " ORDER BY j.n",
	[HR_PG_FACTS] = "SELECT facts,at_ms FROM facts WHERE host=$1::bigint",
	[HR_PG_ROW] = "SELECT w.* FROM generate_series($2::bigint,$3::bigint) s CROSS JOIN LATERAL"
		      " (SELECT " ROW_COLS " FROM w10 WHERE id=((s<<24)|$1::bigint) OFFSET 0) w"
		      " UNION ALL SELECT " ROW_COLS " FROM w10x WHERE id BETWEEN ($2::bigint<<24)"
		      " AND (($3::bigint+1)<<24) AND (id&16777215)=$1::bigint ORDER BY id,n",
	[HR_PG_RANGE] = "SELECT " ROW_COLS " FROM w10 WHERE id BETWEEN $1::bigint AND $2::bigint"
			" UNION ALL SELECT " ROW_COLS " FROM w10x WHERE id BETWEEN $1::bigint"
			" AND $2::bigint ORDER BY id,n",
	[HR_PG_TALLY] = "SELECT tier,bin,host,in_windows,in_samples,out_windows,out_samples,"
			"bad_windows FROM tally",
	/* sums by what they grew: two collectors may add to them */
	[HR_PG_PUT_TALLY] =
		"UPDATE tally SET bin=$2::bigint,host=$3::bigint,in_windows=in_windows+$4::bigint,"
		"in_samples=in_samples+$5::bigint,out_windows=out_windows+$6::bigint,"
		"out_samples=out_samples+$7::bigint,bad_windows=bad_windows+$8::bigint"
		" WHERE tier=$1::bigint",
	[HR_PG_5MIN] = TIER("r300"),
	[HR_PG_HOUR] = TIER("r3600"),
	[HR_PG_EXPIRE_5MIN] = EXPIRE_TIER("r300"),
	[HR_PG_EXPIRE_HOUR] = EXPIRE_TIER("r3600"),
	[HR_PG_NEXT_RAW] = "SELECT least((SELECT min(id) FROM w10 WHERE id>=$1::bigint),"
			   "(SELECT min(id) FROM w10x WHERE id>=$1::bigint))",
	[HR_PG_NEXT_5MIN] = "SELECT min(id) FROM r300 WHERE id>=$1::bigint",
	[HR_PG_LATE] = "SELECT l.n,l.id," EITHER("boot") "," EITHER("seq") "," EITHER(
		"last") "," EITHER("body") " FROM (SELECT * FROM late ORDER BY n LIMIT $1::bigint) "
					   "l" W10_OF("", "l") " ORDER BY l.n",
	[HR_PG_DROP_LATE] = "DELETE FROM late WHERE n<=$1::bigint AND n>=$2::bigint",
	[HR_PG_NEXT_HOUR] = "SELECT min(id) FROM r3600 WHERE id>=$1::bigint",
	[HR_PG_NEXT_RAW_ONLY] = "SELECT min(id) FROM w10 WHERE id>=$1::bigint",
	[HR_PG_NEXT_BESIDE] = "SELECT min(id) FROM w10x WHERE id>=$1::bigint",
	/* of a host that was forgotten; accounted for as if by age */
	[HR_PG_PURGE_RAW] =
		"WITH d AS (DELETE FROM w10 WHERE id=ANY($1::bigint[]) RETURNING id,last,seq),"
		" o AS (" OFF_DAY "), t AS (UPDATE tally SET out_windows=out_windows+"
		"(SELECT " SUM("last-seq+1") " FROM d) WHERE tier=0 AND $2::bigint=0)"
					     " SELECT count(*) FROM d",
	[HR_PG_PURGE_BESIDE] =
		"WITH d AS (DELETE FROM w10x WHERE id=ANY($1::bigint[]) RETURNING last-seq+1 AS w),"
		" t AS (UPDATE tally SET out_windows=out_windows+(SELECT " SUM(
			"w") " FROM d)"
			     " WHERE tier=0) SELECT count(*) FROM d",
	[HR_PG_PURGE_5MIN] = PURGE_TIER("r300", "1"),
	[HR_PG_PURGE_HOUR] = PURGE_TIER("r3600", "2"),
	/* the highest number stays as a tombstone: numbers go on */
	[HR_PG_BURY] = "DELETE FROM host WHERE no=$1::bigint AND name=''::bytea"
		       " AND no<(SELECT max(no) FROM host)",
	[HR_PG_TOMBSTONE] = "UPDATE host SET id=$2::bytea,name=''::bytea WHERE no=$1::bigint",
	/* a row that was set aside took its entry along, and the host has its number still */
	[HR_PG_LAST_N] = "SELECT greatest((SELECT coalesce(max(upto),0) FROM state),"
			 "(SELECT coalesce(max(n),0) FROM journal),"
			 "(SELECT coalesce(max(last_n),0) FROM host))",
	[HR_PG_STATS] = "SELECT pg_database_size(current_database()),"
			"(SELECT count(*) FROM quarantine)",
	[HR_PG_DAYS_THERE] = DAYS_THERE " ORDER BY 1 DESC",
	[HR_PG_GATE_SHARED] = "SELECT pg_advisory_xact_lock_shared" LOCK("1"),
	[HR_PG_GATE_ALONE] = "SELECT pg_advisory_xact_lock" LOCK("1"),
	[HR_PG_NEW_HOSTS] = "SELECT pg_advisory_xact_lock" LOCK("2"),
	[HR_PG_CLAIM] = "SELECT no,id,last_n FROM host WHERE id=ANY($1::bytea[]) ORDER BY no"
			" FOR UPDATE",
	[HR_PG_NEXT_BLOCK] = "SELECT nextval('block'),(SELECT coalesce(max(no),0) FROM host)",
	[HR_PG_KEEPER] = "SELECT pg_try_advisory_lock" LOCK("3") "::int::bigint",
	[HR_PG_HORIZON] = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint",
	[HR_PG_CHANGED] = "SELECT host,max(n) FROM journal WHERE xid>=$1::bigint::text::xid8"
			  " AND writer<>$2::bigint GROUP BY host ORDER BY host",
	[HR_PG_GONE] = "SELECT no,id,name,last_n FROM host WHERE name=''::bytea",
	[HR_PG_SOME_HOSTS] = "SELECT no,id,name,last_n FROM host WHERE no=ANY($1::bigint[])"
			     " ORDER BY no",
	[HR_PG_SOME_BOOTS] = "SELECT " BOOT_COLS " FROM seen WHERE host=ANY($1::bigint[])"
			     " ORDER BY host,ord",
	[HR_PG_SOME_STATES] =
		"SELECT s.host,s.upto,s.body,s.answer FROM unnest($1::bigint[],$2::bigint[])"
		" AS u(host,upto) JOIN state s ON s.host=u.host AND s.upto>u.upto ORDER BY s.host",
	[HR_PG_SOME_EVENTS] =
		"SELECT " EVENT_COLS " FROM unnest($1::bigint[],$2::bigint[]) AS u(host,upto)"
		" JOIN journal j ON j.host=u.host AND j.n>u.upto" W10_OF("", "j") " ORDER BY j.n",
	[HR_PG_CREDENTIALS] = "SELECT kind,id,hash,name,made_ms,expires_ms,uses,host,n,gone"
			      " FROM credential WHERE n>$1::bigint ORDER BY n,kind,id",
	[HR_PG_CREDENTIAL_N] = "UPDATE credential_n SET n=n+1 RETURNING n",
	[HR_PG_CREDENTIAL_TIDY] = "DELETE FROM credential WHERE gone=1 AND n<$1::bigint",
	[HR_PG_PUT_CREDENTIAL] =
		"INSERT INTO credential VALUES($1::bigint,$2::bytea,$3::bytea,$4::bytea,$5::bigint,"
		"$6::bigint,$7::bigint,$8::bytea,$9::bigint,0) ON CONFLICT (kind,id) DO UPDATE SET"
		" hash=excluded.hash,name=excluded.name,made_ms=excluded.made_ms,"
		"expires_ms=excluded.expires_ms,uses=excluded.uses,host=excluded.host,"
		"n=excluded.n,gone=0",
	[HR_PG_DROP_CREDENTIAL] =
		"UPDATE credential SET hash=''::bytea,n=$3::bigint,gone=1 WHERE kind=$1::bigint"
		" AND id=$2::bytea",
	[HR_PG_TELLER] = "SELECT pg_try_advisory_lock" LOCK("5") "::int::bigint",
	[HR_PG_ALERTS] = "SELECT text FROM alerts",
	[HR_PG_PUT_ALERTS] = "UPDATE alerts SET text=$1::bytea",
};
