/* The simulator's judgement of a bot's answer: what WeCom takes, and what it refuses, with the rule in words. */
#include "../../plugins/simulator/judge.c"

#include <wecomd/buf.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define AES_KEY "kWxPEV2UEDyxWpmPdKC3F4dgPDmOvfKX1HGnEUDS1aR"
#define NONCE   "n0nce"
#define STAMP   "1700000000"

#define STREAM(members)         "{\"msgtype\":\"stream\",\"stream\":{" members "}}"
#define OPEN(content)           STREAM("\"id\":\"s\",\"finish\":false,\"content\":\"" content "\"")
#define END(content)            STREAM("\"id\":\"s\",\"finish\":true,\"content\":\"" content "\"")
#define END_WITH(items)         STREAM("\"id\":\"s\",\"finish\":true,\"content\":\"a\",\"msg_item\":" items)
#define CARD(members)           "{\"msgtype\":\"template_card\",\"template_card\":{" members "}}"
#define NOTICE                  "\"card_type\":\"text_notice\",\"main_title\":{\"title\":\"t\"},\"card_action\":{\"type\":1,\"url\":\"http://x\"}"
#define BUTTONS(list)           CARD("\"card_type\":\"button_interaction\",\"main_title\":{\"title\":\"t\"},\"task_id\":\"t\",\"button_list\":" list)
#define VOTE(list)              CARD("\"card_type\":\"vote_interaction\",\"main_title\":{\"title\":\"t\"},\"task_id\":\"t\"," \
                                     "\"submit_button\":{\"text\":\"s\",\"key\":\"s\"},\"checkbox\":{\"question_key\":\"q\",\"option_list\":" list "}")
#define BOTH(card)              "{\"msgtype\":\"stream_with_template_card\",\"stream\":{\"id\":\"s\",\"finish\":false}" card "}"
#define PICTURE_OF(data, md5)   "{\"msgtype\":\"image\",\"image\":{\"base64\":\"" data "\",\"md5\":\"" md5 "\"}}"
#define PICTURE(data)           PICTURE_OF(data, "6b3cfe0d053fd00c81757402c20bffe8")
#define JPG                     "/9j/AAAA"
#define TEN(x)                  x x x x x x x x x x
#define MESSAGE                 JUDGE_MESSAGE, NULL, false
#define REFRESH                 JUDGE_REFRESH, "s", false
#define REFRESH_AFTER_CARD      JUDGE_REFRESH, "s", true

struct ruling {
	const char         *about;
	enum judge_callback callback;
	const char         *stream_id;
	bool                card;
	const char         *msg;
	const char         *rule;     /* a part of the sentence; NULL: it is good */
};

static const struct ruling rulings[] = {
	/* which kinds of answer */
	{"a stream answers a message", MESSAGE, OPEN("a")},
	{"a card answers a message", MESSAGE, CARD(NOTICE)},
	{"a stream with a card answers a message", MESSAGE, BOTH(",\"template_card\":{" NOTICE "}")},
	{"with a stream the card may come later", MESSAGE, BOTH("")},
	{"an encrypted {} says nothing", MESSAGE, "{}"},
	{"text does not answer a message", MESSAGE, "{\"msgtype\":\"text\",\"text\":{\"content\":\"a\"}}", "the answer to a message has msgtype"},
	{"markdown does not answer a message", MESSAGE, "{\"msgtype\":\"markdown\",\"markdown\":{\"content\":\"a\"}}", "msgtype"},
	{"msgtype is missing", MESSAGE, "{\"stream\":{\"id\":\"s\",\"finish\":false,\"content\":\"a\"}}", "msgtype"},
	{"msgtype is no text", MESSAGE, "{\"msgtype\":1}", "msgtype"},
	{"a stream answers a refresh", REFRESH, OPEN("a")},
	{"a stream with a card answers a refresh", REFRESH, BOTH(",\"template_card\":{" NOTICE "}")},
	{"a card alone does not answer a refresh", REFRESH, CARD(NOTICE), "the answer to a refresh has msgtype"},
	{"{} does not answer a refresh", REFRESH, "{}", "the answer is empty"},

	/* what a person presses */
	{"a button without a text", MESSAGE, BUTTONS("[{\"key\":\"a\"}]"), "each of button_list"},
	{"two buttons with one key", MESSAGE, BUTTONS("[{\"text\":\"A\",\"key\":\"a\"},{\"text\":\"B\",\"key\":\"a\"}]"), "there twice"},
	{"no button", MESSAGE, BUTTONS("[]"), "button_list is a list of 1 to 6"},
	{"a button", MESSAGE, BUTTONS("[{\"text\":\"A\",\"key\":\"a\"}]")},
	{"a vote without options", MESSAGE, VOTE("[]"), "checkbox is a list of 1 to 20"},
	{"a vote", MESSAGE, VOTE("[{\"id\":\"1\",\"text\":\"A\"}]")},

	/* the answers to events */
	{"text welcomes", JUDGE_ENTER, NULL, false, "{\"msgtype\":\"text\",\"text\":{\"content\":\"a\"}}"},
	{"a card welcomes", JUDGE_ENTER, NULL, false, CARD(NOTICE)},
	{"a stream does not welcome", JUDGE_ENTER, NULL, false, OPEN("a"), "enter_chat"},
	{"a card event is not answered with a message", JUDGE_CARD, NULL, false, CARD(NOTICE), "update_template_card"},
	{"a rating is answered with nothing", JUDGE_FEEDBACK, NULL, false, "{}"},
	{"a rating is not answered with words", JUDGE_FEEDBACK, NULL, false, OPEN("a"), "answered with nothing"},

	/* JSON and UTF-8 */
	{"not JSON", MESSAGE, "hello", "not JSON"},
	{"nothing at all, but encrypted", MESSAGE, "", "not JSON"},
	{"a list", MESSAGE, "[]", "not a JSON object"},
	{"a key twice", MESSAGE, "{\"msgtype\":\"stream\",\"msgtype\":\"stream\"}", "not JSON"},
	{"half a character", MESSAGE, OPEN("\xe4\xbd"), "not UTF-8"},
	{"an overlong character", MESSAGE, OPEN("\xc0\xaf"), "not UTF-8"},
	{"half a surrogate pair", MESSAGE, OPEN("\\ud83d"), "not JSON"},

	/* the stream */
	{"no stream object", MESSAGE, "{\"msgtype\":\"stream\"}", "no stream object"},
	{"no id", MESSAGE, STREAM("\"finish\":false,\"content\":\"a\""), "stream.id"},
	{"an empty id", MESSAGE, STREAM("\"id\":\"\",\"finish\":false,\"content\":\"a\""), "stream.id"},
	{"an id that is a number", MESSAGE, STREAM("\"id\":7,\"finish\":false,\"content\":\"a\""), "stream.id"},
	{"another id in a refresh", REFRESH, STREAM("\"id\":\"t\",\"finish\":false,\"content\":\"a\""), "the one of the first answer"},
	{"no finish", MESSAGE, STREAM("\"id\":\"s\",\"content\":\"a\""), "stream.finish"},
	{"finish as a text", MESSAGE, STREAM("\"id\":\"s\",\"finish\":\"false\",\"content\":\"a\""), "stream.finish"},
	{"no content is an empty snapshot", MESSAGE, STREAM("\"id\":\"s\",\"finish\":false")},
	{"content null", MESSAGE, STREAM("\"id\":\"s\",\"finish\":false,\"content\":null"), "stream.content is a text"},
	{"content as a number", MESSAGE, STREAM("\"id\":\"s\",\"finish\":false,\"content\":1"), "stream.content is a text"},
	{"a shorter snapshot than before", REFRESH, OPEN("")},
	{"members that nobody knows", MESSAGE, STREAM("\"id\":\"s\",\"finish\":false,\"content\":\"a\",\"x\":1")},
	{"feedback with an id", MESSAGE, STREAM("\"id\":\"s\",\"finish\":false,\"feedback\":{\"id\":\"f\"}")},
	{"feedback without an id", MESSAGE, STREAM("\"id\":\"s\",\"finish\":false,\"feedback\":{}"), "feedback.id"},

	/* pictures */
	{"a picture at the end", REFRESH, END_WITH("[" PICTURE(JPG) "]")},
	{"a PNG", REFRESH, END_WITH("[" PICTURE_OF("iVBORw0KGgo=", "e9dd2797018cad79186e03e8c5aec8dc") "]")},
	{"a picture before the end", REFRESH, STREAM("\"id\":\"s\",\"finish\":false,\"msg_item\":[" PICTURE(JPG) "]"), "only come with finish=true"},
	{"ten pictures and one", REFRESH, END_WITH("[" TEN(PICTURE(JPG) ",") PICTURE(JPG) "]"), "at most 10"},
	{"pictures that are no list", REFRESH, END_WITH("{}"), "at most 10"},
	{"an item that is no picture", REFRESH, END_WITH("[{\"msgtype\":\"text\",\"text\":{\"content\":\"a\"}}]"), "msgtype image"},
	{"a GIF", REFRESH, END_WITH("[" PICTURE("R0lGODlh") "]"), "JPG or PNG"},
	{"broken base64", REFRESH, END_WITH("[" PICTURE("/9j/A AA") "]"), "JPG or PNG"},
	{"a picture with the md5 of another", REFRESH, END_WITH("[" PICTURE_OF(JPG, "e9dd2797018cad79186e03e8c5aec8dc") "]"), "image.md5"},
	{"a picture with its md5 in capitals", REFRESH, END_WITH("[" PICTURE_OF(JPG, "6B3CFE0D053FD00C81757402C20BFFE8") "]"), "image.md5"},
	{"a picture without md5", REFRESH, END_WITH("[{\"msgtype\":\"image\",\"image\":{\"base64\":\"" JPG "\"}}]"), "image.md5"},

	/* cards */
	{"a second card", REFRESH_AFTER_CARD, BOTH(",\"template_card\":{" NOTICE "}"), "one template_card at most"},
	{"the stream goes on after its card", REFRESH_AFTER_CARD, OPEN("a")},
	{"no card object", MESSAGE, "{\"msgtype\":\"template_card\"}", "no template_card object"},
	{"an unknown card", MESSAGE, CARD("\"card_type\":\"poster\""), "card_type is"},
	{"a notice without a title", MESSAGE, CARD("\"card_type\":\"text_notice\",\"card_action\":{\"type\":1}"), "main_title.title or sub_title_text"},
	{"a notice without card_action", MESSAGE, CARD("\"card_type\":\"text_notice\",\"sub_title_text\":\"t\""), "needs card_action"},
	{"a notice that leads nowhere", MESSAGE, CARD("\"card_type\":\"text_notice\",\"sub_title_text\":\"t\",\"card_action\":{\"type\":0}"), "type 1 or 2"},
	{"news without a picture", MESSAGE, CARD("\"card_type\":\"news_notice\",\"main_title\":{\"title\":\"t\"},\"card_action\":{\"type\":1}"), "card_image"},
	{"buttons without a task", MESSAGE, CARD("\"card_type\":\"button_interaction\",\"main_title\":{},\"button_list\":[]"), "needs task_id"},
	{"seven buttons", MESSAGE, CARD("\"card_type\":\"button_interaction\",\"main_title\":{},\"task_id\":\"t\",\"button_list\":[1,2,3,4,5,6,7]"), "at most 6"},
	{"a task id with a blank", MESSAGE, CARD("\"card_type\":\"button_interaction\",\"main_title\":{},\"task_id\":\"a b\",\"button_list\":[]"), "a task_id is"},
	{"a menu without a task", MESSAGE, CARD(NOTICE ",\"action_menu\":{\"desc\":\"d\"}"), "action_menu needs a task_id"},
};

struct court {
	wc_arena            *a;
	wc_envelope          envelope;
	struct judge_verdict verdict;
	wc_err               e;
};

static int setup(void **state)
{
	struct court *c = wc_xalloc(sizeof *c);

	c->a = wc_arena_new();
	assert_int_equal(wc_envelope_init(&c->envelope, "token", AES_KEY, "", &c->e), 0);
	*state = c;
	return 0;
}

static int teardown(void **state)
{
	struct court *c = *state;

	wc_arena_free(c->a);
	free(c);
	return 0;
}

static wc_slice slice(const char *s)
{
	return (wc_slice){s, strlen(s)};
}

static void assert_rule(const struct court *c, int rc, const char *about, const char *rule)
{
	if (!rule && rc < 0)
		fail_msg("%s: refused: %s", about, c->e.text);
	if (rule && rc == 0)
		fail_msg("%s: accepted, although \"%s\"", about, rule);
	if (rule && !strstr(c->e.text, rule))
		fail_msg("%s: \"%s\" does not say \"%s\"", about, c->e.text, rule);
}

static void each_rule_is_kept(void **state)
{
	struct court *c = *state;

	for (size_t i = 0; i < sizeof rulings / sizeof *rulings; i++) {
		const struct ruling    *r     = &rulings[i];
		const struct judge_case given = {r->callback, NONCE, r->stream_id, r->card};

		assert_rule(c, judge_message(c->a, &given, slice(r->msg), &c->verdict, &c->e), r->about, r->rule);
	}
}

static int judge_stream(struct court *c, const char *id, const char *content)
{
	const struct judge_case given = {JUDGE_MESSAGE, NONCE, NULL, false};
	const char *msg = wc_printf(c->a, "{\"msgtype\":\"stream\",\"stream\":{\"id\":\"%s\",\"finish\":true,\"content\":\"%s\"}}", id, content);

	return judge_message(c->a, &given, slice(msg), &c->verdict, &c->e);
}

static const char *repeated(wc_arena *a, const char *s, size_t times)
{
	wc_buf *b = wc_buf_new(a, 1 << 20);

	while (times--)
		wc_buf_adds(b, s);
	return b->s;
}

static void limits_are_counted_in_bytes(void **state)
{
	struct court *c = *state;

	assert_rule(c, judge_stream(c, "s", repeated(c->a, "a", 20480)), "20480 bytes", NULL);
	assert_rule(c, judge_stream(c, "s", repeated(c->a, "a", 20481)), "20481 bytes", "longer than 20480 bytes");
	assert_rule(c, judge_stream(c, "s", repeated(c->a, "好", 6826)), "6826 characters of three bytes", NULL);
	assert_rule(c, judge_stream(c, "s", repeated(c->a, "好", 6827)), "6827 characters of three bytes", "longer than 20480 bytes");
	assert_rule(c, judge_stream(c, repeated(c->a, "i", 256), "a"), "an id of 256 bytes", NULL);
	assert_rule(c, judge_stream(c, repeated(c->a, "i", 257), "a"), "an id of 257 bytes", "longer than 256 bytes");
}

static void a_good_stream_is_read_in_full(void **state)
{
	struct court           *c     = *state;
	const struct judge_case given = {JUDGE_REFRESH, NONCE, "s", false};

	assert_int_equal(judge_message(c->a, &given, slice(OPEN("你好\\n")), &c->verdict, &c->e), 0);
	assert_string_equal(c->verdict.stream_id, "s");
	assert_string_equal(c->verdict.content, "你好\n");
	assert_false(c->verdict.finish);
	assert_false(c->verdict.empty);
	assert_false(c->verdict.blank);
	assert_null(c->verdict.card);
}

static void blank_is_what_has_no_ink(void **state)
{
	static const char *const blank[] = {"", " ", "\\n\\t ", "\xc2\xa0", "\xe3\x80\x80", "\xe2\x80\x8b\xe2\x80\x8d", "\xef\xbb\xbf", " \xe2\x81\xa0 "};
	static const char *const inked[] = {".", " a", "。", "\xf0\x9f\x98\x80", "\xe2\x80\x8b\xe5\xa5\xbd"};
	struct court            *c       = *state;

	for (size_t i = 0; i < sizeof blank / sizeof *blank; i++) {
		assert_int_equal(judge_stream(c, "s", blank[i]), 0);
		assert_true(c->verdict.blank);
	}
	for (size_t i = 0; i < sizeof inked / sizeof *inked; i++) {
		assert_int_equal(judge_stream(c, "s", inked[i]), 0);
		assert_false(c->verdict.blank);
	}
}

static void pictures_without_text_are_not_blank(void **state)
{
	struct court           *c     = *state;
	const struct judge_case given = {JUDGE_REFRESH, NONCE, "s", false};
	const char             *msg   = STREAM("\"id\":\"s\",\"finish\":true,\"content\":\"\",\"msg_item\":[" PICTURE(JPG) "]");

	assert_int_equal(judge_message(c->a, &given, slice(msg), &c->verdict, &c->e), 0);
	assert_false(c->verdict.blank);
}

/* ---- the envelope ---- */

/* A body as a bot would send it; NULL leaves a member out. The signature is right for what is written. */
static wc_slice body_of(struct court *c, const wc_envelope *v, const char *msg, const json_t *timestamp, const char *nonce)
{
	const char *stamp = json_is_string(timestamp) ? json_string_value(timestamp)
	                                              : wc_printf(c->a, "%lld", (long long)json_integer_value(timestamp));
	wc_slice    encrypt;
	char        signature[41];
	json_t     *body;

	assert_int_equal(wc_envelope_close(v, c->a, slice(msg), NULL, &encrypt, &c->e), 0);
	wc_envelope_sign(v, stamp, nonce, encrypt, signature);
	body = wc_json(c->a, "{s:s%, s:s, s:O, s:s}", "encrypt", encrypt.p, encrypt.n, "msgsignature", signature,
	               "timestamp", timestamp, "nonce", nonce);
	return slice(wc_json_text(c->a, body));
}

static const json_t *number(struct court *c, json_int_t n)
{
	return wc_json_keep(c->a, json_integer(n));
}

static const json_t *text(struct court *c, const char *s)
{
	return wc_json_keep(c->a, json_string(s));
}

static int judge_body(struct court *c, wc_slice body)
{
	const struct judge_case given = {JUDGE_MESSAGE, NONCE, NULL, false};

	return judge_answer(c->a, &c->envelope, &given, body, &c->verdict, &c->e);
}

static void a_right_envelope_is_opened(void **state)
{
	struct court *c = *state;

	assert_rule(c, judge_body(c, body_of(c, &c->envelope, OPEN("好"), number(c, 1700000000), NONCE)), "timestamp as a number", NULL);
	assert_string_equal(c->verdict.content, "好");
	assert_rule(c, judge_body(c, body_of(c, &c->envelope, OPEN("a"), text(c, STAMP), NONCE)), "timestamp as a text", NULL);
}

static void the_servers_own_reply_is_accepted(void **state)
{
	struct court *c = *state;
	wc_slice      body;

	assert_int_equal(wc_envelope_reply(&c->envelope, c->a, false, STAMP, NONCE, slice(OPEN("a")), &body, &c->e), 0);
	assert_rule(c, judge_body(c, body), "wc_envelope_reply", NULL);
}

static void an_empty_body_acknowledges_a_message(void **state)
{
	struct court *c = *state;

	assert_int_equal(judge_body(c, slice("")), 0);
	assert_true(c->verdict.empty);
	assert_null(c->verdict.stream_id);
}

static void an_empty_body_does_not_answer_a_refresh(void **state)
{
	struct court           *c     = *state;
	const struct judge_case given = {JUDGE_REFRESH, NONCE, "s", false};

	assert_rule(c, judge_answer(c->a, &c->envelope, &given, slice(""), &c->verdict, &c->e), "empty", "the answer is empty");
}

static void a_nonce_of_ones_own_is_refused(void **state)
{
	struct court *c = *state;

	assert_rule(c, judge_body(c, body_of(c, &c->envelope, OPEN("a"), number(c, 1), "other")), "nonce", "the nonce of the callback's URL");
}

static void an_odd_timestamp_is_refused(void **state)
{
	struct court *c = *state;

	assert_rule(c, judge_body(c, body_of(c, &c->envelope, OPEN("a"), text(c, "soon"), NONCE)), "a word", "timestamp");
	assert_rule(c, judge_body(c, body_of(c, &c->envelope, OPEN("a"), text(c, ""), NONCE)), "nothing", "timestamp");
	assert_rule(c, judge_body(c, body_of(c, &c->envelope, OPEN("a"), number(c, -1), NONCE)), "negative", "timestamp");
	assert_rule(c, judge_body(c, body_of(c, &c->envelope, OPEN("a"), wc_json_keep(c->a, json_null()), NONCE)), "null", "timestamp");
}

static void another_token_key_or_receiveid_is_refused(void **state)
{
	struct court *c = *state;
	wc_envelope   other;

	assert_int_equal(wc_envelope_init(&other, "another", AES_KEY, "", &c->e), 0);
	assert_rule(c, judge_body(c, body_of(c, &other, OPEN("a"), number(c, 1), NONCE)), "token", "signature");
	assert_int_equal(wc_envelope_init(&other, "token", "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C", "", &c->e), 0);
	assert_rule(c, judge_body(c, body_of(c, &other, OPEN("a"), number(c, 1), NONCE)), "key", "the answer's envelope");
	assert_int_equal(wc_envelope_init(&other, "token", AES_KEY, "wx1", &c->e), 0);
	assert_rule(c, judge_body(c, body_of(c, &other, OPEN("a"), number(c, 1), NONCE)), "receiveid", "receiveid");
}

static void other_bodies_are_refused(void **state)
{
	static const char *const bodies[] = {
		"success", "<html></html>", "[]", "{}", "\"\"", " ",
		OPEN("in clear"),
		"{\"Encrypt\":\"a\",\"MsgSignature\":\"b\",\"TimeStamp\":1,\"Nonce\":\"" NONCE "\"}",
		"{\"encrypt\":1,\"msgsignature\":\"b\",\"timestamp\":1,\"nonce\":\"" NONCE "\"}",
		"{\"encrypt\":\"a\",\"msgsignature\":null,\"timestamp\":1,\"nonce\":\"" NONCE "\"}",
		"{\"encrypt\":\"a\",\"msgsignature\":\"b\",\"timestamp\":1,\"nonce\":7}",
	};
	struct court *c = *state;

	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
		assert_rule(c, judge_body(c, slice(bodies[i])), bodies[i], "answer");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(each_rule_is_kept),
		TEST(limits_are_counted_in_bytes),
		TEST(a_good_stream_is_read_in_full),
		TEST(blank_is_what_has_no_ink),
		TEST(pictures_without_text_are_not_blank),
		TEST(a_right_envelope_is_opened),
		TEST(the_servers_own_reply_is_accepted),
		TEST(an_empty_body_acknowledges_a_message),
		TEST(an_empty_body_does_not_answer_a_refresh),
		TEST(a_nonce_of_ones_own_is_refused),
		TEST(an_odd_timestamp_is_refused),
		TEST(another_token_key_or_receiveid_is_refused),
		TEST(other_bodies_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
