/* A plugin for tests of /mcp: arguments of every type, tools that fail in every way, one for administrators, and more than a page of them. */
#include <wecomd/plugin.h>

#include <string.h>

struct gadgets {
	bool unused;
};

/* --- every type ----------------------------------------------------------------------------------------------------- */

struct every {
	const char        *text, *choice;
	int64_t            number, pause_ms, at_ms;
	bool               on;
	const char *const *list;
	const json_t      *object;
};

#define OF(member) offsetof(struct every, member)

static const wc_field every_fields[] = {
	{WC_STRING, "text", NULL, OF(text), "a text", .min = 2, .max = 8},
	{WC_CHOICE, "choice", NULL, OF(choice), "a choice", .choices = "a|b", .optional = true},
	{WC_INT, "number", NULL, OF(number), "a number", .min = -5, .max = 5},
	{WC_DURATION, "pause", "1s", OF(pause_ms), "a duration"},
	{WC_TIME, "at", NULL, OF(at_ms), "a time", .optional = true},
	{WC_BOOL, "on", "yes", OF(on), "a switch"},
	{WC_LIST, "list", "x, y", OF(list), "texts", .max = 3},
	{WC_OBJECT, "object", NULL, OF(object), "an object", .optional = true},
	{0}};

static const wc_field answer_fields[] = {
	{WC_STRING, "text", NULL, 0, "as it came"},
	{WC_CHOICE, "choice", NULL, 0, "as it came", .choices = "a|b", .optional = true},
	{WC_INT, "number", NULL, 0, "as it came"},
	{WC_INT, "pause", NULL, 0, "milliseconds"},
	{WC_BOOL, "on", NULL, 0, "as it came"},
	{WC_STRING, "actor", NULL, 0, "who called"},
	{0}};

static json_t *every(const wc_tool_call *call, const void *self, wc_err *e)
{
	const struct every *x = call->args;
	json_t             *result;

	(void)self;
	(void)e;
	result = wc_json(call->arena, "{s:s, s:I, s:I, s:b, s:O?, s:s}", "text", x->text, "number", (json_int_t)x->number, "pause",
	                 (json_int_t)x->pause_ms, "on", (int)x->on, "object", x->object, "actor", call->actor);
	if (x->choice)
		json_object_set_new(result, "choice", json_string(x->choice));
	return result;
}

/* --- failures ------------------------------------------------------------------------------------------------------- */

struct failure {
	const char *how;
};

static const wc_field failure_fields[] = {
	{WC_CHOICE, "how", NULL, offsetof(struct failure, how), "in which way", .choices = "wrong|gone|away|bug|silent|list"},
	{0}};

static json_t *fail(const wc_tool_call *call, const void *self, wc_err *e)
{
	const char *how = ((const struct failure *)call->args)->how;

	(void)self;
	if (!strcmp(how, "list"))
		return wc_json(call->arena, "[]");
	if (!strcmp(how, "wrong"))
		wc_fail(e, WC_E_ARG, "the tool wants it otherwise");
	else if (!strcmp(how, "gone"))
		wc_fail(e, WC_E_NOT_FOUND, "there is no such gadget");
	else if (!strcmp(how, "away"))
		wc_fail(e, WC_E_REMOTE, "inner-host.example refuses");
	else if (!strcmp(how, "bug"))
		wc_fail(e, WC_E_INTERNAL, "pointer 0x1 is odd");
	return NULL;
}

/* --- the rest ------------------------------------------------------------------------------------------------------- */

static json_t *done(const wc_tool_call *call, const void *self, wc_err *e)
{
	(void)self;
	(void)e;
	return wc_json(call->arena, "{s:b}", "done", 1);
}

#define ONE(n)  {"gadgets_n" n, WC_VIEWER, WC_READS, done, "One of many"}
#define TEN(n)  ONE(n "0"), ONE(n "1"), ONE(n "2"), ONE(n "3"), ONE(n "4"), ONE(n "5"), ONE(n "6"), ONE(n "7"), ONE(n "8"), ONE(n "9")

WC_PLUGIN(gadgets, struct gadgets,
	.summary = "Shows what tools can do",
	.tools   = WC_TOOLS(
		{"gadgets_every", WC_VIEWER, WC_READS, every, "Takes every type", every_fields, sizeof(struct every), answer_fields},
		{"gadgets_fail", WC_VIEWER, WC_READS, fail, "Fails as it is told", failure_fields, sizeof(struct failure)},
		{"gadgets_change", WC_OPERATOR, WC_CHANGES, done, "Changes something", every_fields, sizeof(struct every)},
		{"gadgets_admin", WC_ADMIN, WC_CHANGES, done, "For administrators"},
		TEN("0"), TEN("1"), TEN("2"), TEN("3"), TEN("4"), TEN("5")));
