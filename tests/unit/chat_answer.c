/* Reading the body of a chat completion: every case gives the same text and figures wherever its bytes are cut, and what is
 * shown on the way is always whole characters. */
#include "ai/answer.h"

#include <wecomd/text.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

#define EVENT(json)    "data: " json "\n\n"
#define DELTA(members) EVENT("{\"choices\":[{\"index\":0,\"delta\":{" members "},\"finish_reason\":null}],\"usage\":null}")
#define TEXT(content)  DELTA("\"content\":\"" content "\"")
#define FINISH(reason) EVENT("{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"" reason "\"}]}")
#define DONE           EVENT("[DONE]")
#define STOP           FINISH("stop") DONE
#define OBJECT(rest)   "{\"object\":\"chat.completion\",\"choices\":[{\"index\":0," rest "}]," \
                       "\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}"
#define FFFD           "\xef\xbf\xbd"

struct expected {
	const char *about, *body, *text, *finish;
	int64_t     prompt, completion;
	wc_code     code;          /* of the failure */
	const char *part;          /* of its sentence */
	bool        strip_think;
	size_t      max;           /* of the text; 0: 1,000 */
};

static const struct expected cases[] = {
	/* streams */
	{"a plain stream", DELTA("\"role\":\"assistant\",\"content\":\"\"") TEXT("您") TEXT("好") STOP, "您好", "stop"},
	{"without [DONE]", TEXT("a") FINISH("stop"), "a", "stop"},
	{"without finish_reason", TEXT("a") DONE, "a", NULL},
	{"without the last blank line", TEXT("a") "data: [DONE]", "a", NULL},
	{"no space behind data:, CRLF",
	 "data:{\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\r\n\r\ndata:[DONE]\r\n\r\n", "a", NULL},
	{"comments between", ": keep-alive\n\n" TEXT("a") ":\n\n" STOP, "a", "stop"},
	{"empty lines and empty events first", "\n\n\ndata:\n\n" TEXT("a") STOP, "a", "stop"},
	{"content in the last chunk",
	 EVENT("{\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"length\"}]}"), "a", "length"},
	{"content null", DELTA("\"content\":null") TEXT("a") STOP, "a", "stop"},
	{"nothing but null", DELTA("\"content\":null,\"refusal\":\"no\"") STOP, "", "stop"},
	{"delta null", EVENT("{\"choices\":[{\"delta\":null}]}") TEXT("a") STOP, "a", "stop"},
	{"reasoning beside the content",
	 DELTA("\"reasoning_content\":\"hm\",\"content\":null") DELTA("\"reasoning\":\"hm\"")
	 TEXT("a") STOP, "a", "stop"},
	{"whatever comes behind [DONE]", TEXT("a") DONE TEXT("b") EVENT("{\"error\":{}}"), "a", NULL},
	{"the whole message as one event",
	 EVENT(OBJECT("\"message\":{\"content\":\"a\"},\"finish_reason\":\"stop\"")), "a", "stop", 3, 4},
	{"a finish_reason that is a sentence", TEXT("a") FINISH("it was enough"), "a", "other"},
	{"an unknown finish_reason", TEXT("a") FINISH("tool_calls"), "a", "tool_calls"},

	/* usage */
	{"usage with empty choices", TEXT("a") FINISH("stop") EVENT("{\"choices\":[],\"usage\":{\"prompt_tokens\":20,"
	 "\"completion_tokens\":5,\"total_tokens\":25}}") DONE, "a", "stop", 20, 5},
	{"usage with choices null", TEXT("a") FINISH("stop") EVENT("{\"choices\":null,\"usage\":{\"prompt_tokens\":20,"
	 "\"completion_tokens\":5}}") DONE, "a", "stop", 20, 5},
	{"usage without choices",
	 TEXT("a") FINISH("stop") EVENT("{\"usage\":{\"prompt_tokens\":20,\"completion_tokens\":5}}") DONE,
	 "a", "stop", 20, 5},
	{"usage beside the last choice", TEXT("a") EVENT("{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}],"
	 "\"usage\":{\"prompt_tokens\":20,\"completion_tokens\":5}}") DONE, "a", "stop", 20, 5},
	{"usage in the choice", TEXT("a") EVENT("{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\","
	 "\"usage\":{\"prompt_tokens\":20,\"completion_tokens\":5}}]}") DONE, "a", "stop", 20, 5},
	{"usage growing in each chunk",
	 EVENT("{\"choices\":[{\"delta\":{\"content\":\"a\"}}],\"usage\":{\"prompt_tokens\":20,"
	 "\"completion_tokens\":1}}") EVENT("{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":20,"
	 "\"completion_tokens\":2}}"), "a", "stop", 20, 2},
	{"usage cut off by the end", TEXT("a") FINISH("stop") "data: {\"choices\":[],\"usage\":{\"prompt_to", "a", "stop"},

	/* streams that fail */
	{"cut between events", TEXT("a") TEXT("b"), .code = WC_E_REMOTE, .part = "in the middle"},
	{"cut within an event", TEXT("a") "data: {\"choi", .code = WC_E_REMOTE, .part = "not a JSON object"},
	{"cut before the first event", ": wait\n\n", .code = WC_E_REMOTE, .part = "no chat completion"},
	{"nothing at all", "", .code = WC_E_REMOTE, .part = "no chat completion"},
	{"a page", "<html><body>data: x</body></html>\n", .code = WC_E_REMOTE, .part = "no chat completion"},
	{"an event that is no JSON", TEXT("a") EVENT("oops") STOP, .code = WC_E_REMOTE, .part = "not a JSON object"},
	{"an event that is a number", TEXT("a") EVENT("7") STOP, .code = WC_E_REMOTE, .part = "not a JSON object"},
	{"an error within",
	 TEXT("a") EVENT("{\"error\":{\"message\":\"private\",\"type\":\"server_error\",\"code\":null}}"),
	 .code = WC_E_REMOTE, .part = "broke off with an error: server_error"},
	{"an error that is a text",
	 TEXT("a") EVENT("{\"error\":\"private words\"}"), .code = WC_E_REMOTE, .part = "broke off with an error"},
	{"an error with a status",
	 EVENT("{\"error\":{\"message\":\"private\",\"code\":429}}"), .code = WC_E_REMOTE, .part = "error 429"},
	{"a final status",
	 EVENT("{\"error\":{\"message\":\"private\",\"code\":\"400\"}}"), .code = WC_E_REFUSED, .part = "error 400"},
	{"a quota within",
	 EVENT("{\"error\":{\"type\":\"insufficient_quota\"}}"), .code = WC_E_REFUSED, .part = "insufficient_quota"},
	{"a filter within",
	 TEXT("a") EVENT("{\"error\":{\"code\":\"content_filter\"}}"), .code = WC_E_REFUSED, .part = "content_filter"},
	{"error empty is none", EVENT("{\"error\":\"\",\"choices\":[{\"delta\":{\"content\":\"a\"}}]}") STOP, "a", "stop"},
	{"error null is none", EVENT("{\"error\":null,\"choices\":[{\"delta\":{\"content\":\"a\"}}]}") STOP, "a", "stop"},
	{"no room at the server",
	 TEXT("a") FINISH("insufficient_system_resource") DONE, .code = WC_E_REMOTE, .part = "resource"},

	/* gateways that do not stream */
	{"a plain answer",
	 OBJECT("\"message\":{\"role\":\"assistant\",\"content\":\"您好\"},\"finish_reason\":\"stop\""), "您好", "stop", 3, 4},
	{"empty lines before it",
	 "\n\n \r\n" OBJECT("\"message\":{\"content\":\"a\"},\"finish_reason\":\"length\""), "a", "length", 3, 4},
	{"a byte order mark before it", "\xef\xbb\xbf" OBJECT("\"message\":{\"content\":\"a\"}"), "a", NULL, 3, 4},
	{"without finish_reason", OBJECT("\"message\":{\"content\":\"a\"},\"finish_reason\":null"), "a", NULL, 3, 4},
	{"content null", OBJECT("\"message\":{\"content\":null},\"finish_reason\":\"tool_calls\""), "", "tool_calls", 3, 4},
	{"thinking inside",
	 OBJECT("\"message\":{\"content\":\"<think>x</think>\\n\\na\"}"), "a", NULL, 3, 4, .strip_think = true},
	{"a plain answer cut",
	 "{\"choices\":[{\"message\":{\"content\":\"a\"", .code = WC_E_REMOTE, .part = "not a JSON object"},
	{"an object without choices", "{\"ok\":true}", .code = WC_E_REMOTE, .part = "no chat completion"},
	{"an error",
	 "{\"error\":{\"code\":\"model_not_found\",\"message\":\"private\"}}", .code = WC_E_REFUSED, .part = "model_not_found"},

	/* characters cut between chunks */
	{"bytes of a character in two chunks", TEXT("a\xe6\x82") TEXT("\xa8z") STOP, "a您z", "stop"},
	{"in three, around an empty one", TEXT("\xf0") TEXT("\x9f\x98") TEXT("") TEXT("\x80") STOP, "😀", "stop"},
	{"many cut in a row", TEXT("\xe6") TEXT("\x82\xa8\xe5") TEXT("\xa5\xbd\xe6\x82") TEXT("\xa8") STOP, "您好您", "stop"},
	{"halves of a pair in two chunks", TEXT("a\\ud83d") TEXT("\\ude00z") STOP, "a😀z", "stop"},
	{"a whole pair", TEXT("\\uD83D\\uDE00\\u60a8") STOP, "😀您", "stop"},
	{"a half without its other", TEXT("a\\ud83d") TEXT("b") TEXT("\\ude00") STOP, "a" FFFD "b" FFFD, "stop"},
	{"two first halves", TEXT("\\ud83d\\ud83d") TEXT("\\ude00") STOP, FFFD "😀", "stop"},
	{"halves the wrong way round", TEXT("\\ude00") TEXT("\\ud83d") STOP, FFFD FFFD, "stop"},
	{"a half, then bytes like a half",
	 TEXT("\\ud83d") TEXT("\xed\x9f\xbf\xee\x80\x80") STOP, FFFD "\xed\x9f\xbf\xee\x80\x80", "stop"},
	{"a character that never ends", TEXT("a\xe6\x82") STOP, "a" FFFD, "stop"},
	{"bytes that are no text", TEXT("a\xff\xc0\x80z\xe6z") STOP, "a" FFFD FFFD FFFD "z" FFFD "z", "stop"},
	{"overlong and too great", TEXT("\xe0\x80\x80|\xf4\x90\x80\x80|\xf5") STOP,
	 FFFD FFFD FFFD "|" FFFD FFFD FFFD FFFD "|" FFFD, "stop"},
	{"NUL is not text", TEXT("a\\u0000b") STOP, "a" FFFD "b", "stop"},
	{"escapes beside a cut character", TEXT("\\\"\\\\\\n\xe6\x82") TEXT("\xa8\\u4f60\\t") STOP, "\"\\\n您你\t", "stop"},
	{"private characters beside a cut one",
	 TEXT("\xf4\x8f\x9e\x80\xf4\x8f\x9f\xbf\\udbfd\\udf80\xe6\x82") TEXT("\xa8\xf4\x8f\x9e\xa6") STOP,
	 "\xf4\x8f\x9e\x80\xf4\x8f\x9f\xbf\xf4\x8f\x9e\x80您\xf4\x8f\x9e\xa6", "stop"},

	/* thinking */
	{"left alone unless asked for", TEXT("<think>x</think>a") STOP, "<think>x</think>a", "stop"},
	{"left out", TEXT("<think>\\nx\\n</think>\\n\\na") STOP, "a", "stop", .strip_think = true},
	{"tags split over chunks",
	 TEXT("<") TEXT("thi") TEXT("nk>x<") TEXT("/thin") TEXT("k") TEXT(">a") STOP, "a", "stop", .strip_think = true},
	{"white space before it",
	 TEXT("\\n <think>x</think> ") TEXT("\\n a b\\n") STOP, "a b\n", "stop", .strip_think = true},
	{"in the middle", TEXT("a <think>x</think> b") STOP, "a  b", "stop", .strip_think = true},
	{"twice", TEXT("<think>x</think>a<think>y</think>b") STOP, "ab", "stop", .strip_think = true},
	{"empty", TEXT("<think></think>a") STOP, "a", "stop", .strip_think = true},
	{"never closed", TEXT("a<think>x") STOP, "a", "stop", .strip_think = true},
	{"an opening tag in it", TEXT("<think><think>x</think>a") STOP, "a", "stop", .strip_think = true},
	{"a closing tag alone is text", TEXT("a</think>b") STOP, "a</think>b", "stop", .strip_think = true},
	{"what looks like a tag", TEXT("1 < 2 <<think>x<</</think>a <thin <think b <thinking> </think") STOP,
	 "1 < 2 <a <thin <think b <thinking> </think", "stop", .strip_think = true},
	{"half a tag at the end", TEXT("a <thi") STOP, "a <thi", "stop", .strip_think = true},
	{"half a closing tag at the end", TEXT("a<think>x</thi") STOP, "a", "stop", .strip_think = true},
	{"cut characters around it",
	 TEXT("\xe6") TEXT("\x82\xa8<think>\xe6") TEXT("\x82</think>\xe5") TEXT("\xa5\xbd") STOP, "您好", "stop",
	 .strip_think = true},

	/* the bound */
	{"exactly the bound", TEXT("您") TEXT("好") STOP, "您好", "stop", .max = 6},
	{"over it", TEXT("您") TEXT("好") TEXT("!") STOP, "您好", "length", .max = 6},
	{"within a character", TEXT("a您") TEXT("好") STOP, "a您", "length", .max = 6},
	{"within the first", TEXT("您") STOP, "", "length", .max = 2},
	{"by what was held back", TEXT("abc\xe6\x82") FINISH("stop"), "abc", "length", .max = 5},
	{"thinking does not count",
	 TEXT("<think>0123456789</think>abc") STOP, "abc", "stop", .strip_think = true, .max = 3},
	{"a plain answer over it",
	 OBJECT("\"message\":{\"content\":\"您好\"},\"finish_reason\":\"stop\""), "您", "length", 3, 4, .max = 5},
};

struct reading {
	struct answer answer;
	wc_buf       *shown;
	wc_err        e;
	int           rc;
};

static int show(void *ctx, const char *p, size_t n, wc_err *e)
{
	struct reading *r = ctx;

	(void)e;
	assert_true(n > 0 && wc_utf8_valid(p, n));
	wc_buf_add(r->shown, p, n);
	return 0;
}

/* Cut once at cut, or behind every byte when cut is beyond the end. */
static int feed(struct reading *r, const char *p, size_t n, size_t cut)
{
	size_t step;

	for (size_t i = 0; i < n; i += step) {
		step = cut > n ? 1 : i < cut ? cut : n - cut;
		if (answer_feed(&r->answer, p + i, step, &r->e) < 0)
			return -1;
	}
	return 0;
}

static void read_answer(struct reading *r, wc_arena *a, const struct expected *x, size_t cut)
{
	*r = (struct reading){.shown = wc_buf_new(a, 10000)};
	answer_open(&r->answer, a);
	visible_open(&r->answer.visible, a, x->max ? x->max : 1000, x->strip_think, show, r);
	r->rc = feed(r, x->body, strlen(x->body), cut);
	if (r->rc == 0)
		r->rc = answer_end(&r->answer, &r->e);
	if (r->answer.visible.full) {
		r->rc                   = 0;
		r->answer.finish_reason = "length";
	}
}

static bool same(const char *x, const char *y)
{
	return x && y ? !strcmp(x, y) : x == y;
}

static bool as_expected(const struct reading *r, const struct expected *x)
{
	if (x->code)
		return r->rc < 0 && r->e.code == x->code && strstr(r->e.text, x->part) && !strstr(r->e.text, "private");
	return r->rc == 0 && same(r->answer.visible.text->s, x->text) && same(r->shown->s, x->text) &&
	       same(r->answer.finish_reason, x->finish) && r->answer.prompt_tokens == x->prompt &&
	       r->answer.completion_tokens == x->completion;
}

static void check(const struct expected *x, size_t cut)
{
	wc_arena      *a = wc_arena_new();
	struct reading r;

	read_answer(&r, a, x, cut);
	if (!as_expected(&r, x))
		fail_msg("%s, cut at %zu of %zu: rc %d (%s: %s), text \"%s\", shown \"%s\", finish %s, tokens %d and %d",
		         x->about, cut, strlen(x->body), r.rc, wc_err_name(r.e.code), r.e.text, r.answer.visible.text->s, r.shown->s,
		         r.answer.finish_reason ? r.answer.finish_reason : "-", (int)r.answer.prompt_tokens,
		         (int)r.answer.completion_tokens);
	wc_arena_free(a);
}

static void an_answer_reads_the_same_however_its_bytes_are_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (size_t cut = 0; cut <= strlen(cases[i].body) + 1; cut++)
			check(&cases[i], cut);
}

/* Text in every form cut at every byte into two chunks of content. */
static void content_may_be_cut_at_every_byte(void **state)
{
	static const char text[] = "a您<think>😀\xf4\x8f\x9e\x80é</think>好\xf4\x8f\x9f\xbfz";
	char              body[512];

	(void)state;
	for (size_t i = 0; i < sizeof text; i++) {
		const struct expected left_out = {"left out", body, "a您好\xf4\x8f\x9f\xbfz", "stop", .strip_think = true};
		const struct expected kept     = {"kept", body, text, "stop"};

		snprintf(body, sizeof body, TEXT("%.*s") TEXT("%s") STOP, (int)i, text, text + i);
		check(&left_out, 0);
		check(&kept, 0);
	}
}

static void an_event_over_a_mebibyte_is_refused(void **state)
{
	wc_arena       *a   = wc_arena_new();
	size_t          n   = 1100 * 1024;
	char           *big = wc_alloc(a, n + 1);
	struct expected x   = {"too large", big, .code = WC_E_TOO_LARGE, .part = "bound"};

	(void)state;
	memset(big, 'x', n);
	memcpy(big, "data: {\"a\":\"", 12);
	check(&x, 0);
	memcpy(big, "{\"a\":\"xxxxx\"", 12);
	x.part = "over";
	check(&x, 0);
	wc_arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_reads_the_same_however_its_bytes_are_cut),
		cmocka_unit_test(content_may_be_cut_at_every_byte),
		cmocka_unit_test(an_event_over_a_mebibyte_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
