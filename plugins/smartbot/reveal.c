/* What people wrote, for an operator who asks for one piece of it: a turn, whom a conversation is with, a rating's words. */
#include "smartbot.h"

#include <stdlib.h>
#include <string.h>

/* Sealed columns of one row; a column that is NULL is left out. */
struct sealed {
	const char *action, *object, *sql, *nothing;
	struct { const char *name, *about; } part[3];
};

static int reveal(wc_request *rq, const struct sealed *s)
{
	wc_arena   *a        = wc_request_arena(rq);
	const char *text     = wc_path_param(rq, "id");
	int64_t     id       = strlen(text) <= 18 && !text[strspn(text, "0123456789")] ? strtoll(text, NULL, 10) : 0;
	wc_revealed parts[4] = {0};
	size_t      n        = 0;
	wc_rows     rows;
	wc_err      e;

	if (wc_db_query(NULL, a, &rows, &e, s->sql, wc_int(id)) < 0)
		return wc_reply_err(rq, &e);
	if (!rows.n)
		return wc_problem(rq, 404, "not_found", "%s", s->nothing);
	for (size_t i = 0; i < rows.columns && i < 3; i++) {
		wc_cell cell = wc_row_cell(&rows, 0, i);

		if (!cell.s)
			continue;
		parts[n].name = s->part[i].name;
		if (wc_unseal(a, s->part[i].about, (wc_slice){cell.s, cell.n}, &parts[n++].text, &e) < 0)
			return wc_reply_err(rq, &e);
	}
	return wc_reply_revealed(rq, s->action, wc_printf(a, "%s:%lld", s->object, (long long)id), parts);
}

int reveal_turn(wc_request *rq, const void *self)
{
	(void)self;
	return reveal(rq, &(struct sealed){"smartbot.turn.reveal", "turn",
	                                   "SELECT p.user_id, t.question, t.answer FROM smartbot_turn t LEFT JOIN smartbot_person p ON p.person = t.person WHERE t.id = ?",
	                                   "there is no such turn",
	                                   {{"person", "smartbot_person.user_id"}, {"question", "smartbot_turn.question"}, {"answer", "smartbot_turn.answer"}}});
}

int reveal_conversation(wc_request *rq, const void *self)
{
	(void)self;
	return reveal(rq, &(struct sealed){"smartbot.conversation.reveal", "conversation", "SELECT label, summary FROM smartbot_conversation WHERE id = ?",
	                                   "there is no such conversation",
	                                   {{"who", "smartbot_conversation.label"}, {"summary", "smartbot_conversation.summary"}}});
}

int reveal_feedback(wc_request *rq, const void *self)
{
	(void)self;
	return reveal(rq, &(struct sealed){"smartbot.feedback.reveal", "feedback",
	                                   "SELECT p.user_id, f.content FROM smartbot_feedback f LEFT JOIN smartbot_person p ON p.person = f.person WHERE f.id = ?",
	                                   "there is no such rating",
	                                   {{"person", "smartbot_person.user_id"}, {"content", "smartbot_feedback.content"}}});
}
