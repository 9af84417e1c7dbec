/* What comes in: a decrypted event of the bot becomes an identity, a job and a reply (doc/100719, doc/101027, doc/101031). */
#include "smartbot.h"

#include <string.h>

#define TEXT_MAX 16384     /* bytes of a question that reach the model */

static const char only_text[]  = "目前我只能看懂文字消息,请把问题打成文字发给我。";
static const char say_hello[]  = "您好,请问有什么可以帮您?";

/* The same for every delivery of the same message, on every node, and not to be guessed. */
static const char *stream_id_of(wc_callback *cb, const char *msgid)
{
	unsigned char hash[WC_HASH_SIZE];

	wc_keyed_hash(hash, "smartbot.stream", wc_callback_name(cb), msgid, NULL);
	return wc_hex(wc_callback_arena(cb), hash, 16);
}

static void reply_stream(wc_callback *cb, const json_t *stream)
{
	wc_callback_reply(cb, wc_json(wc_callback_arena(cb), "{s:s, s:O}", "msgtype", "stream", "stream", stream));
}

static void reply_text(wc_callback *cb, const char *stream_id, bool finish, const char *text)
{
	reply_stream(cb, wc_json(wc_callback_arena(cb), "{s:s, s:b, s:s}", "id", stream_id, "finish", (int)finish, "content", text));
}

static int receive_refresh(wc_callback *cb, const struct smartbot *self, const json_t *msg, wc_err *e)
{
	const char *id = wc_json_str(msg, "stream.id");
	json_t     *stream;

	if (!id || strlen(id) > 256)
		return wc_fail(e, WC_E_ARG, "a stream refresh without stream.id");
	if (!(stream = stream_answer(wc_callback_arena(cb), self, id, e)))
		return -1;
	reply_stream(cb, stream);
	return 0;
}

/* The text parts of a mixed message; pictures are left out. */
static const char *mixed_text(wc_arena *a, const json_t *msg)
{
	const json_t *items = wc_json_at(msg, "mixed.msg_item"), *item;
	const char   *all   = NULL, *text;
	size_t        i;

	json_array_foreach(items, i, item)
		if ((text = wc_json_str(item, "text.content")))
			all = all ? wc_printf(a, "%s\n%s", all, text) : text;
	return all;
}

/* What a person asked, in words; NULL for kinds that hold none. Voice comes with its recognised text. */
static const char *question_of(wc_arena *a, const json_t *msg, const char *msgtype)
{
	return !strcmp(msgtype, "text")    ? wc_json_str(msg, "text.content")
	     : !strcmp(msgtype, "voice")   ? wc_json_str(msg, "voice.content")
	     : !strcmp(msgtype, "mixed")   ? mixed_text(a, msg)
	                                   : NULL;
}

/* In a group the text begins with the "@BotName " that called the bot. */
static const char *without_mention(wc_arena *a, const char *text, bool in_group)
{
	size_t n = strlen(text);

	wc_text_trim(&text, &n);
	if (in_group && n && *text == '@') {
		size_t name = strcspn(text, " \t\n");

		name = name < n ? name : n;
		text += name;
		n -= name;
		wc_text_trim(&text, &n);
	}
	return wc_strndup(a, text, wc_utf8_cut(text, n, TEXT_MAX));
}

static int receive_message(wc_callback *cb, const json_t *msg, const char *msgtype, const char *msgid, wc_err *e)
{
	wc_arena   *a      = wc_callback_arena(cb);
	const char *user   = wc_json_str(msg, "from.userid"), *chat = wc_json_str(msg, "chatid");
	const char *stream = stream_id_of(cb, msgid), *question = question_of(a, msg, msgtype);

	if (!user)
		return wc_fail(e, WC_E_ARG, "a message without from.userid");
	wc_callback_identity(cb, "message", msgid, user, chat ? chat : "", NULL);
	if (!question) {
		reply_text(cb, stream, true, only_text);
		return 0;
	}
	question = without_mention(a, question, chat != NULL);
	if (!*question) {
		reply_text(cb, stream, true, say_hello);
		return 0;
	}
	/* One person's questions to a bot are answered in their order; others do not wait for them. */
	wc_callback_job(cb, "smartbot.answer", wc_printf(a, "smartbot/%s/%s/%s", wc_callback_name(cb), chat ? chat : "", user), stream,
	                wc_json(a, "{s:I, s:s}", "bot", (json_int_t)wc_callback_endpoint(cb), "question", question));
	reply_text(cb, stream, false, "");
	return 0;
}

/* Kept in the inbox and acknowledged; an event takes no reply that says nothing. */
static int receive_event(wc_callback *cb, const json_t *msg, const char *msgid)
{
	const char *user = wc_json_str(msg, "from.userid"), *type = wc_json_str(msg, "event.eventtype");

	wc_callback_identity(cb, "event", msgid, user ? user : "", type ? type : "", NULL);
	return 0;
}

static int check_bot(const wc_callback *cb, const json_t *msg, wc_err *e)
{
	const char *expected = wc_callback_note(cb), *aibotid = wc_json_str(msg, "aibotid");

	if (*expected && (!aibotid || strcmp(aibotid, expected)))
		return wc_fail(e, WC_E_DENIED, "the event is for another bot than %s", wc_callback_name(cb));
	return 0;
}

int event_receive(wc_callback *cb, const void *self, wc_err *e)
{
	wc_slice    bytes = wc_callback_msg(cb);
	json_t     *msg   = wc_json_parse(wc_callback_arena(cb), bytes.p, bytes.n, e);
	const char *type, *msgid;

	if (!msg)
		return -1;
	type  = wc_json_str(msg, "msgtype");
	msgid = wc_json_str(msg, "msgid");
	if (!type || !msgid || !*msgid)
		return wc_fail(e, WC_E_ARG, "an event without msgtype or msgid");
	if (check_bot(cb, msg, e) < 0)
		return -1;
	if (!strcmp(type, "stream"))
		return receive_refresh(cb, self, msg, e);
	if (!strcmp(type, "event"))
		return receive_event(cb, msg, msgid);
	return receive_message(cb, msg, type, msgid, e);
}
