/* Cards are checked against tables: what a struct may hold, how long and how many, and what it must. What depends on another member
 * stands in a few functions below them. Lengths in 字 are advice (the phone cuts what is longer), so they are told and not enforced. */
#include "card.h"

#include <wecomd/text.h>

#include <stdio.h>
#include <string.h>

#define TEXT_MAX 2048      /* where the documents give no number of bytes */

enum kind { END, TEXT, URL, WHOLE, RATIO, BOOLEAN, OBJECT, LIST };

struct member {
	enum kind            kind;
	const char          *name;
	bool                 required;
	int                  min, max;      /* TEXT: bytes; WHOLE: value; LIST: entries */
	const struct member *inner;         /* OBJECT, LIST */
	int                (*also)(const json_t *value, const char *path, wc_err *e);
	size_t               chars;         /* TEXT: behind so many characters the phone cuts; 0: not said */
};

static int bad(wc_err *e, const char *path, const char *name, const char *expected)
{
	return wc_fail(e, WC_E_ARG, "%s%s%s: %s", path, *path && *name ? "." : "", name, expected);
}

static bool has(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	return json_is_string(value) ? json_string_length(value) > 0 : value != NULL;
}

static json_int_t type_of(const json_t *object)
{
	return json_integer_value(json_object_get(object, "type"));
}

static bool has_one_type_of(const json_t *object, const char *types, const char **missing)
{
	json_int_t type = type_of(object);

	*missing = type == 1 ? "url" : type == 2 ? "appid" : type == 3 ? types : NULL;
	return !*missing || has(object, *missing);
}

/* type 1 opens a url, 2 a mini-program. */
static int jump(const json_t *value, const char *path, wc_err *e)
{
	const char *missing;

	return has_one_type_of(value, "question", &missing) ? 0 : bad(e, path, missing, "this type needs it");
}

/* type 1 opens a url, 3 shows a member. */
static int fact(const json_t *value, const char *path, wc_err *e)
{
	const char *missing;

	if (type_of(value) == 2)
		return bad(e, path, "type", "0, 1 or 3");
	return has_one_type_of(value, "userid", &missing) ? 0 : bad(e, path, missing, "this type needs it");
}

static int unique(const json_t *list, const char *path, const char *name, wc_err *e)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		for (size_t j = 0; j < i; j++)
			if (json_equal(json_object_get(json_array_get(list, i), name), json_object_get(json_array_get(list, j), name)))
				return bad(e, path, name, "it comes twice");
	return 0;
}

static int unique_keys(const json_t *list, const char *path, wc_err *e)
{
	return unique(list, path, "key", e);
}

static int unique_ids(const json_t *list, const char *path, wc_err *e)
{
	return unique(list, path, "id", e);
}

static int unique_questions(const json_t *list, const char *path, wc_err *e)
{
	return unique(list, path, "question_key", e);
}

static int task_id(const json_t *value, const char *path, wc_err *e)
{
	const char *s = json_string_value(value);

	return s[strspn(s, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-@")] ? bad(e, path, "", "letters, digits, '_', '-' and '@'") : 0;
}

#define T(name, ...) {TEXT, name, .max = TEXT_MAX, __VA_ARGS__}

static const struct member source[] = {
	{URL, "icon_url", .max = TEXT_MAX}, T("desc", .chars = 13), {WHOLE, "desc_color", .max = 3}, {END}};
static const struct member action[]      = {T("text", .required = true), {TEXT, "key", true, .max = 1024}, {END}};
static const struct member action_menu[] = {
	T("desc", .required = true), {LIST, "action_list", true, 1, 3, action, unique_keys}, {END}};
static const struct member title[]      = {T("title", .chars = 26), T("desc", .chars = 30), {END}};
static const struct member emphasis[]   = {T("title", .chars = 10), T("desc", .chars = 15), {END}};
static const struct member quote_area[] = {
	{WHOLE, "type", .max = 2}, {URL, "url", .max = TEXT_MAX}, T("appid"), T("pagepath"), T("title"), T("quote_text"), {END}};
static const struct member horizontal[] = {
	T("keyname", .required = true, .chars = 5), T("value", .chars = 26), {WHOLE, "type", .max = 3}, {URL, "url", .max = TEXT_MAX}, T("userid"), {END}};
static const struct member jump_entry[] = {
	{WHOLE, "type", .max = 3}, T("title", .required = true, .chars = 13), {URL, "url", .max = TEXT_MAX}, T("appid"), T("pagepath"),
	{TEXT, "question", .max = 200}, {END}};
static const struct member card_action[] = {
	{WHOLE, "type", .required = true, .max = 2}, {URL, "url", .max = TEXT_MAX}, T("appid"), T("pagepath"), {END}};
static const struct member vertical[]   = {T("title", .required = true, .chars = 26), T("desc", .chars = 112), {END}};
static const struct member card_image[] = {{URL, "url", true, .max = TEXT_MAX}, {RATIO, "aspect_ratio"}, {END}};
static const struct member image_text[] = {
	{WHOLE, "type", .max = 2}, {URL, "url", .max = TEXT_MAX}, T("appid"), T("pagepath"), T("title"), T("desc"),
	{URL, "image_url", true, .max = TEXT_MAX}, {END}};
static const struct member button[] = {
	T("text", .required = true, .chars = 10), {WHOLE, "style", .min = 1, .max = 4}, {TEXT, "key", true, .max = 1024}, {END}};
static const struct member option[] = {{TEXT, "id", true, .max = 128}, T("text", .required = true, .chars = 10), {END}};
static const struct member select_entry[] = {
	{TEXT, "question_key", true, .max = 1024}, T("title", .chars = 13), {BOOLEAN, "disable"}, {TEXT, "selected_id", .max = 128},
	{LIST, "option_list", true, 1, 10, option, unique_ids}, {END}};
static const struct member vote_option[] = {
	{TEXT, "id", true, .max = 128}, T("text", .required = true, .chars = 11), {BOOLEAN, "is_checked"}, {END}};
static const struct member checkbox[] = {
	{TEXT, "question_key", true, .max = 1024}, {BOOLEAN, "disable"}, {WHOLE, "mode", .max = 1},
	{LIST, "option_list", true, 1, 20, vote_option, unique_ids}, {END}};
static const struct member submit[]   = {T("text", .required = true, .chars = 10), {TEXT, "key", true, .max = 1024}, {END}};
static const struct member feedback[] = {{TEXT, "id", true, .max = 256}, {END}};

#define CARD_TYPE    {TEXT, "card_type", true, .max = 32}
#define SOURCE       {OBJECT, "source", .inner = source}
#define MENU         {OBJECT, "action_menu", .inner = action_menu}
#define MAIN(r)      {OBJECT, "main_title", r, .inner = title}
#define QUOTE        {OBJECT, "quote_area", .inner = quote_area, .also = jump}
#define SUB          T("sub_title_text", .chars = 112)
#define HORIZONTAL   {LIST, "horizontal_content_list", .max = 6, .inner = horizontal}
#define JUMPS        {LIST, "jump_list", .max = 3, .inner = jump_entry}
#define ACTION(r)    {OBJECT, "card_action", r, .inner = card_action, .also = jump}
#define TASK(r)      {TEXT, "task_id", r, .max = 128, .also = task_id}
#define FEEDBACK     {OBJECT, "feedback", .inner = feedback}

static const struct member text_notice[] = {
	CARD_TYPE, SOURCE, MENU, MAIN(false), {OBJECT, "emphasis_content", .inner = emphasis}, QUOTE, SUB, HORIZONTAL, JUMPS, ACTION(true),
	TASK(false), FEEDBACK, {END}};
static const struct member news_notice[] = {
	CARD_TYPE, SOURCE, MENU, MAIN(true), {OBJECT, "card_image", .inner = card_image},
	{OBJECT, "image_text_area", .inner = image_text, .also = jump}, QUOTE, {LIST, "vertical_content_list", .max = 4, .inner = vertical},
	HORIZONTAL, JUMPS, ACTION(true), TASK(false), FEEDBACK, {END}};
static const struct member button_interaction[] = {
	CARD_TYPE, SOURCE, MENU, MAIN(true), QUOTE, SUB, HORIZONTAL, {OBJECT, "button_selection", .inner = select_entry},
	{LIST, "button_list", true, 1, 6, button, unique_keys}, ACTION(false), TASK(true), FEEDBACK, {END}};
static const struct member vote_interaction[] = {
	CARD_TYPE, SOURCE, MAIN(true), {OBJECT, "checkbox", true, .inner = checkbox}, {OBJECT, "submit_button", true, .inner = submit},
	TASK(true), FEEDBACK, {END}};
static const struct member multiple_interaction[] = {
	CARD_TYPE, SOURCE, MAIN(true), {LIST, "select_list", true, 1, 3, select_entry, unique_questions},
	{OBJECT, "submit_button", true, .inner = submit}, TASK(true), FEEDBACK, {END}};

static const struct {
	const char          *name;
	const struct member *members;
} types[] = {{"text_notice", text_notice}, {"news_notice", news_notice}, {"button_interaction", button_interaction},
             {"vote_interaction", vote_interaction}, {"multiple_interaction", multiple_interaction}};

/* --- checking -------------------------------------------------------------------------------------------------------- */

static int check_object(const struct member *members, const json_t *object, const char *path, wc_err *e);

static int check_text(const struct member *m, const json_t *value, const char *path, wc_err *e)
{
	const char *s = json_string_value(value);
	char        expected[64];

	if (!s || strlen(s) != json_string_length(value))
		return bad(e, path, "", "a text");
	if (json_string_length(value) > (size_t)m->max || (m->required && !*s)) {
		snprintf(expected, sizeof expected, "%s%d bytes", m->required ? "1 to " : "at most ", m->max);
		return bad(e, path, "", expected);
	}
	if (m->kind == URL && *s && strncmp(s, "https://", 8) && strncmp(s, "http://", 7))
		return bad(e, path, "", "an address that begins with http:// or https://");
	return 0;
}

static int check_number(const struct member *m, const json_t *value, const char *path, wc_err *e)
{
	json_int_t n = json_integer_value(value);
	char       expected[64];

	if (json_is_integer(value) && n >= m->min && n <= m->max)
		return 0;
	snprintf(expected, sizeof expected, "a whole number from %d to %d", m->min, m->max);
	return bad(e, path, "", expected);
}

static bool is_ratio(const json_t *value)
{
	double ratio = json_number_value(value);

	return json_is_number(value) && ratio > 1.3 - 1e-9 && ratio < 2.25;     /* 1.3 is the default */
}

static int check_list(const struct member *m, const json_t *list, const char *path, wc_err *e)
{
	char expected[64], at[192];

	if (!json_is_array(list) || json_array_size(list) < (size_t)m->min || json_array_size(list) > (size_t)m->max) {
		snprintf(expected, sizeof expected, "a list of %d to %d", m->min, m->max);
		return bad(e, path, "", expected);
	}
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *entry = json_array_get(list, i);

		snprintf(at, sizeof at, "%.160s[%u]", path, (unsigned)i);
		if (check_object(m->inner, entry, at, e) < 0 || (m->inner == jump_entry && jump(entry, at, e) < 0) ||
		    (m->inner == horizontal && fact(entry, at, e) < 0))
			return -1;
	}
	return 0;
}

static int check_value(const struct member *m, const json_t *value, const char *path, wc_err *e)
{
	switch (m->kind) {
	case TEXT:
	case URL:
		return check_text(m, value, path, e);
	case WHOLE:
		return check_number(m, value, path, e);
	case RATIO:
		return is_ratio(value) ? 0 : bad(e, path, "", "a number from 1.3 to below 2.25");
	case BOOLEAN:
		return json_is_boolean(value) ? 0 : bad(e, path, "", "true or false");
	case OBJECT:
		return check_object(m->inner, value, path, e);
	default:
		return check_list(m, value, path, e);
	}
}

static const struct member *find_member(const struct member *members, const char *name)
{
	for (; members->kind; members++)
		if (!strcmp(members->name, name))
			return members;
	return NULL;
}

static int check_object(const struct member *members, const json_t *object, const char *path, wc_err *e)
{
	const char *name;
	json_t     *value;
	char        at[160];

	if (!json_is_object(object))
		return bad(e, path, "", "an object");
	for (const struct member *m = members; m->kind; m++)
		if (m->required && !json_object_get(object, m->name))
			return bad(e, path, m->name, "it is required");
	json_object_foreach((json_t *)object, name, value) {
		const struct member *m = find_member(members, name);

		if (!m)
			return bad(e, path, wc_utf8_count(name, strlen(name)) > 64 ? "(a long name)" : name, "there is no such member");
		snprintf(at, sizeof at, "%.90s%s%.64s", path, *path ? "." : "", name);
		if (check_value(m, value, at, e) < 0 || (m->also && m->also(value, at, e) < 0))
			return -1;
	}
	return 0;
}

static int check_together(const json_t *card, const char *type, wc_err *e)
{
	bool notice = !strcmp(type, "text_notice") || !strcmp(type, "news_notice");

	if (notice && !type_of(json_object_get(card, "card_action")))
		return bad(e, "", "card_action.type", "1 or 2");
	if (!strcmp(type, "text_notice") && !has(json_object_get(card, "main_title"), "title") && !has(card, "sub_title_text"))
		return bad(e, "", "main_title.title", "this or sub_title_text is required");
	if (!strcmp(type, "news_notice") && !has(card, "card_image") && !has(card, "image_text_area"))
		return bad(e, "", "card_image", "this or image_text_area is required");
	if (has(card, "action_menu") && !has(card, "task_id"))
		return bad(e, "", "task_id", "a card with an action_menu needs it");
	if (json_object_get(card, "checkbox") && !json_integer_value(wc_json_at(card, "checkbox.mode"))) {
		const json_t *entry;
		size_t        i, checked = 0;

		json_array_foreach(wc_json_at(card, "checkbox.option_list"), i, entry)
			checked += json_is_true(json_object_get(entry, "is_checked"));
		if (checked > 1)
			return bad(e, "", "checkbox.option_list", "one choice alone is checked unless mode is 1");
	}
	return 0;
}

int card_check(const json_t *card, wc_err *e)
{
	const char *type = wc_json_str(card, "card_type");

	for (size_t i = 0; type && i < sizeof types / sizeof *types; i++)
		if (!strcmp(types[i].name, type))
			return check_object(types[i].members, card, "", e) < 0 ? -1 : check_together(card, type, e);
	return bad(e, "", "card_type", "text_notice, news_notice, button_interaction, vote_interaction or multiple_interaction");
}

/* --- advice ---------------------------------------------------------------------------------------------------------- */

static void advise(json_t *advice, const struct member *members, const json_t *object, const char *path)
{
	const char *name;
	json_t     *value;
	char        at[200];

	json_object_foreach((json_t *)object, name, value) {
		const struct member *m = find_member(members, name);
		const char          *s = json_string_value(value);

		snprintf(at, sizeof at, "%.120s%s%.64s", path, *path ? "." : "", name);
		if (m && m->chars && s && wc_utf8_count(s, strlen(s)) > m->chars)
			json_array_append_new(advice, json_pack("{s:s, s:I}", "member", at, "shown", (json_int_t)m->chars));
		else if (m && m->kind == OBJECT)
			advise(advice, m->inner, value, at);
		for (size_t i = 0; m && m->kind == LIST && i < json_array_size(value); i++) {
			char entry[220];

			snprintf(entry, sizeof entry, "%s[%u]", at, (unsigned)i);
			advise(advice, m->inner, json_array_get(value, i), entry);
		}
	}
}

json_t *card_advice(wc_arena *a, const json_t *card)
{
	json_t     *advice = wc_json(a, "[]");
	const char *type   = wc_json_str(card, "card_type");

	for (size_t i = 0; type && i < sizeof types / sizeof *types; i++)
		if (!strcmp(types[i].name, type))
			advise(advice, types[i].members, card, "");
	return advice;
}

/* --- building -------------------------------------------------------------------------------------------------------- */

static void set_text(json_t *object, const char *name, const char *text)
{
	if (text && *text)
		json_object_set_new(object, name, json_string(text));
}

static json_t *titled(wc_arena *a, const char *type, const char *text, const char *desc, const char *task)
{
	json_t *card = wc_json(a, "{s:s, s:{}}", "card_type", type, "main_title"), *main_title = json_object_get(card, "main_title");

	set_text(main_title, "title", text);
	set_text(main_title, "desc", desc);
	set_text(card, "task_id", task);
	return card;
}

static void set_url(json_t *card, const char *url)
{
	json_object_set_new(card, "card_action", json_pack("{s:i, s:s}", "type", 1, "url", url));
}

json_t *card_text_notice(wc_arena *a, const char *text, const char *desc, const char *sub_text, const char *url)
{
	json_t *card = titled(a, "text_notice", text, desc, NULL);

	set_text(card, "sub_title_text", sub_text);
	set_url(card, url);
	return card;
}

json_t *card_news_notice(wc_arena *a, const char *text, const char *desc, const char *image_url, const char *url)
{
	json_t *card = titled(a, "news_notice", text, desc, NULL);

	json_object_set_new(card, "card_image", json_pack("{s:s}", "url", image_url));
	set_url(card, url);
	return card;
}

json_t *card_buttons(wc_arena *a, const char *text, const char *desc, const char *task)
{
	json_t *card = titled(a, "button_interaction", text, desc, task);

	json_object_set_new(card, "button_list", json_array());
	return card;
}

static void set_submit(json_t *card, const char *text, const char *key)
{
	json_object_set_new(card, "submit_button", json_pack("{s:s, s:s}", "text", text, "key", key));
}

json_t *card_vote(wc_arena *a, const char *text, const char *desc, const char *task, const char *question_key, bool many,
                  const char *submit_text, const char *submit_key)
{
	json_t *card = titled(a, "vote_interaction", text, desc, task);

	json_object_set_new(card, "checkbox", json_pack("{s:s, s:i, s:[]}", "question_key", question_key, "mode", (int)many, "option_list"));
	set_submit(card, submit_text, submit_key);
	return card;
}

json_t *card_choices(wc_arena *a, const char *text, const char *desc, const char *task, const char *submit_text, const char *submit_key)
{
	json_t *card = titled(a, "multiple_interaction", text, desc, task);

	json_object_set_new(card, "select_list", json_array());
	set_submit(card, submit_text, submit_key);
	return card;
}

void card_set_emphasis(json_t *card, const char *text, const char *desc)
{
	json_object_set_new(card, "emphasis_content", json_pack("{s:s, s:s}", "title", text, "desc", desc));
}

void card_add_button(json_t *card, const char *text, int style, const char *key)
{
	json_array_append_new(json_object_get(card, "button_list"), json_pack("{s:s, s:i, s:s}", "text", text, "style", style, "key", key));
}

void card_add_fact(json_t *card, const char *name, const char *value)
{
	json_t *list = json_object_get(card, "horizontal_content_list");

	if (!list)
		json_object_set_new(card, "horizontal_content_list", list = json_array());
	json_array_append_new(list, json_pack("{s:s, s:s}", "keyname", name, "value", value));
}

void card_add_option(json_t *card, const char *id, const char *text, bool checked)
{
	json_array_append_new((json_t *)wc_json_at(card, "checkbox.option_list"),
	                      json_pack("{s:s, s:s, s:b}", "id", id, "text", text, "is_checked", (int)checked));
}

void card_add_select(json_t *card, const char *question_key, const char *text)
{
	json_t *entry = json_pack("{s:s, s:[]}", "question_key", question_key, "option_list");

	set_text(entry, "title", text);
	json_array_append_new(json_object_get(card, "select_list"), entry);
}

void card_add_select_option(json_t *card, const char *id, const char *text)
{
	json_t *list = json_object_get(card, "select_list"), *last = json_array_get(list, json_array_size(list) - 1);

	json_array_append_new(json_object_get(last, "option_list"), json_pack("{s:s, s:s}", "id", id, "text", text));
}
