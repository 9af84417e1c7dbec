/* The window meter's arithmetic: 48 hours and five messages after each message of the customer, one of them kept for notices; and the plan
 * that merges what waits when there is more of it than may go. */
#include "meter.h"

#include <string.h>

#define MARGIN_MS 60000     /* clocks differ, and a call takes time */
#define JOIN      "\n\n"

static const char more_waits[] = "\n（未完，回复任意内容继续）";

static const char *why_shut(const struct meter *m, int64_t now_ms)
{
	if (m->rejects)
		return "refused";
	if (m->state == KF_POOL || m->state == KF_SERVED)
		return "with_servicer";
	if (m->state == KF_ENDED)
		return "ended";
	if (!m->turn_ms || now_ms >= m->turn_ms + KF_WINDOW_MS - MARGIN_MS)
		return "expired";
	return *m->shut ? m->shut : m->sent >= KF_TURN ? "used_up" : "";
}

wc_window meter_window(const struct meter *m, int64_t now_ms)
{
	const char *reason = why_shut(m, now_ms);
	int64_t     left   = *reason || m->sent >= KF_TURN ? 0 : KF_TURN - m->sent;

	return (wc_window){.is_open = !*reason, .closes_ms = m->turn_ms ? m->turn_ms + KF_WINDOW_MS - MARGIN_MS : 0, .limit = KF_TURN, .left = left,
	                   .reserve = left < KF_RESERVE ? left : KF_RESERVE, .reason = reason};
}

/* --- the plan -------------------------------------------------------------------------------------------------------- */

static size_t unit_bytes(const struct piece *p, const struct unit *u)
{
	size_t n = (u->count - 1) * strlen(JOIN);

	for (size_t i = 0; i < u->count; i++)
		n += strlen(p[u->first + i].text);
	return n;
}

/* Neither people's words with the machine's, nor what may use the reserve with what may not. */
static bool may_join(const struct piece *p, const struct unit *x, const struct unit *y)
{
	const struct piece *l = &p[x->first], *r = &p[y->first];

	return l->text && r->text && l->notice == r->notice && l->is_person == r->is_person &&
	       unit_bytes(p, x) + strlen(JOIN) + unit_bytes(p, y) <= KF_PIECE_MAX;
}

/* Joins two neighbours, the first that can be; false: none can. */
static bool join_once(const struct piece *p, struct unit *u, size_t *n)
{
	for (size_t i = 0; i + 1 < *n; i++)
		if (may_join(p, &u[i], &u[i + 1])) {
			u[i].count += u[i + 1].count;
			memmove(u + i + 1, u + i + 2, (*n - i - 2) * sizeof *u);
			--*n;
			return true;
		}
	return false;
}

static bool is_reserved_for(const struct piece *p)
{
	return p->notice || p->is_person;
}

/* What may not go now is taken out. */
static size_t keep_what_fits(const struct piece *p, struct unit *u, size_t n, int64_t left)
{
	size_t  kept = 0;
	int64_t open = left - KF_RESERVE;     /* for the machine's answers */

	for (size_t i = 0; i < n; i++) {
		bool fits = is_reserved_for(&p[u[i].first]) ? left > 0 : open > 0;

		if (!fits)
			continue;
		u[kept++] = u[i];
		left--;
		if (!is_reserved_for(&p[u[i].first]) || open > left)
			open--;
	}
	return kept;
}

static int64_t wanted_of_answers(const struct piece *p, const struct unit *u, size_t n)
{
	int64_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += !is_reserved_for(&p[u[i].first]);
	return count;
}

size_t meter_plan(const struct piece *p, size_t n, int64_t left, struct unit *u, bool *waits)
{
	size_t count = n, kept;

	for (size_t i = 0; i < n; i++)
		u[i] = (struct unit){i, 1};
	while (((int64_t)count > left || wanted_of_answers(p, u, count) > left - KF_RESERVE) && join_once(p, u, &count))
		;
	kept   = keep_what_fits(p, u, count, left);
	*waits = kept < count;
	return kept;
}

const char *meter_text(wc_arena *a, const struct piece *p, const struct unit *u, bool hint)
{
	wc_buf *text = wc_buf_new(a, 2 * KF_TEXT_MAX);

	for (size_t i = 0; i < u->count; i++) {
		if (i)
			wc_buf_adds(text, JOIN);
		wc_buf_adds(text, p[u->first + i].text);
	}
	if (hint && text->len + strlen(more_waits) <= KF_TEXT_MAX)
		wc_buf_adds(text, more_waits);
	return text->s;
}
