// SPDX-License-Identifier: Apache-2.0
#include "collector/core/check_sums.h"

#define WINDOWS "coalesce(sum(last-seq+1),0)"
#define OF(what, where)                                                                            \
	"((SELECT " WINDOWS " FROM w10 " where ")+(SELECT " WINDOWS " FROM w10x " where "))" what
#define ACKED                                                                                      \
	"((SELECT coalesce(sum(windows),0) FROM seen)+(SELECT in_windows FROM tally WHERE "        \
	"tier=0))"
#define TALLY(col, tier) "(SELECT " col " FROM tally WHERE tier=" tier ")"
#define NOT_ROLLED(per, tier)                                                                      \
	"WHERE id>=((" TALLY("bin", tier) "*" per ")<<24) AND ((id>>24)/" per ">" TALLY(           \
		"bin", tier) " OR (id&16777215)>=" TALLY("host", tier) ")"
#define LATE(t)                                                                                    \
	"(SELECT coalesce(sum(w.last-w.seq+1),0) FROM late l JOIN " t " w ON w.id=l.id AND "       \
	"w.n=l.n)"

const struct hr_check_sum hr_check_sum[HR_CHECK_SUMS] = {
	{"windows acknowledged = windows stored + set aside + expired", "SELECT " ACKED,
		"SELECT " OF("", "") "+(SELECT " WINDOWS
				     " FROM quarantine)+" TALLY("out_windows", "0")},
	{"windows acknowledged = in the 5 min tier + unreadable + not yet in it", "SELECT " ACKED,
		"SELECT " TALLY("in_windows+bad_windows", "1") "+" OF(
			"", NOT_ROLLED("30", "1")) "+" LATE("w10") "+" LATE("w10x")},
	{"windows in the 5 min tier = stored in it + expired", "SELECT " TALLY("in_windows", "1"),
		"SELECT (SELECT coalesce(sum(windows),0) FROM r300)+" TALLY("out_windows", "1")},
	{"samples in the 5 min tier = stored in it + expired", "SELECT " TALLY("in_samples", "1"),
		"SELECT (SELECT coalesce(sum(samples),0) FROM r300)+" TALLY("out_samples", "1")},
	{"windows in the 5 min tier = in the hour tier + unreadable + not yet in it",
		"SELECT " TALLY("in_windows", "1"),
		"SELECT " TALLY("in_windows+bad_windows", "2") "+(SELECT coalesce(sum(windows),0)"
							       " FROM r300 " NOT_ROLLED(
								       "12", "2") ")"},
	{"windows in the hour tier = stored in it + expired", "SELECT " TALLY("in_windows", "2"),
		"SELECT (SELECT coalesce(sum(windows),0) FROM r3600)+" TALLY("out_windows", "2")},
	{"samples in the hour tier = stored in it + expired", "SELECT " TALLY("in_samples", "2"),
		"SELECT (SELECT coalesce(sum(samples),0) FROM r3600)+" TALLY("out_samples", "2")},
};
