/* Who is told of what: the loaded channels, the subscriptions, and the jobs that a transaction adds at its end. */
#include "talk/parts.h"

#include <inttypes.h>
#include <string.h>

static const struct talk_channel *channels;
static const wc_topic *const     *topics;

void talk_use(const struct talk_channel *all_channels, const wc_topic *const *all_topics)
{
	channels = all_channels;
	topics   = all_topics;
}

bool talk_knows_topic(const char *topic)
{
	static const char *const known[] = {"message.received", "message.sent", "conversation.opened", "conversation.handed_over",
	                                    "conversation.handed_back", "conversation.closed"};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (!strcmp(known[i], topic))
			return true;
	return false;
}

/* Before talk_use() there are none. */
const struct talk_channel *channels_all(void)
{
	static const struct talk_channel none[1];

	return channels ? channels : none;
}

const struct talk_channel *channel_find(const char *name)
{
	for (const struct talk_channel *c = channels_all(); c->channel; c++)
		if (!strcmp(c->channel->name, name))
			return c;
	return NULL;
}

bool channel_carries(const wc_channel *c, const char *kind)
{
	size_t n = strlen(kind);

	for (const char *at = c->kinds; at && (at = strstr(at, kind)); at++)
		if ((at == c->kinds || at[-1] == '|') && (!at[n] || at[n] == '|'))
			return true;
	return false;
}

const wc_topic *brain(void)
{
	const wc_topic *best = NULL;

	for (const wc_topic *const *t = topics; t && *t; t++)
		if ((*t)->answers && !strcmp((*t)->topic, "message.received") && (!best || (*t)->rank > best->rank))
			best = *t;
	return best;
}

const char *topic_hash(wc_arena *a, const wc_topic *t)
{
	unsigned char hash[WC_HASH_SIZE];

	wc_keyed_hash(hash, "talk.topic", t->job, NULL);
	return wc_hex(a, hash, 4);
}

/* sweep.c puts the key together too. */
static const char *topic_key(wc_arena *a, const wc_topic *t, int64_t number)
{
	return wc_printf(a, "t/%s/%" PRId64 "/%s", t->topic, number, topic_hash(a, t));
}

/* --- the jobs of a transaction ---------------------------------------------------------------------------------------- */

void outbox_job(struct outbox *o, const char *kind, const char *lane, const char *key, const json_t *args)
{
	if (o->n < OUTBOX_MAX)
		o->spec[o->n] = (wc_job_spec){.kind = kind, .lane = lane, .key = key, .args = args};
	o->n++;
}

void outbox_topic(struct outbox *o, const char *topic, int64_t number, const struct conversation *c, int64_t message, bool to_brain)
{
	const wc_topic *answering = brain();

	for (const wc_topic *const *t = topics; t && *t; t++) {
		json_t *args;

		if (strcmp((*t)->topic, topic) || ((*t)->answers && (*t != answering || !to_brain)))
			continue;
		args = wc_json(o->a, "{s:s, s:I, s:I, s:s*}", "topic", topic, "conversation", (json_int_t)c->id, "customer", (json_int_t)c->customer, "why", o->why);
		if (message)
			json_object_set_new(args, "message", json_integer(message));
		outbox_job(o, (*t)->job, wc_printf(o->a, "talk/%" PRId64, c->id), topic_key(o->a, *t, number), args);
	}
}

void outbox_deliver(struct outbox *o, int64_t route)
{
	outbox_job(o, "talk.deliver", wc_printf(o->a, "deliver/%" PRId64, route), NULL,
	           wc_json(o->a, "{s:I}", "conversation", (json_int_t)route));
}

int outbox_send(struct outbox *o, wc_db *db, const char *trace_id, wc_err *e)
{
	if (o->n > OUTBOX_MAX)
		return wc_fail(e, WC_E_INTERNAL, "a message causes %zu jobs, at most %d are expected", o->n, OUTBOX_MAX);
	return o->n ? jobs_add(db, o->a, o->spec, o->n, trace_id, e) : 0;
}
