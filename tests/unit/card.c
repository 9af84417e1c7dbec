/* Template cards: what the builders make is good, and each rule of the table refuses its breach, naming the member. */
#include "check.h"

#include "../../plugins/smartbot/card.c"

#include <wecomd/buf.h>

static wc_arena *a;
static wc_err    e;

static int fresh(void **state)
{
	(void)state;
	a = wc_arena_new();
	e = (wc_err){0};
	return 0;
}

static int done(void **state)
{
	(void)state;
	wc_arena_free(a);
	return 0;
}

#define ACTION1    "\"card_action\":{\"type\":1,\"url\":\"https://x\"}"
#define TITLE      "\"main_title\":{\"title\":\"t\"}"
#define NOTICE(m)  "{\"card_type\":\"text_notice\"," TITLE "," ACTION1 m "}"
#define NEWS(m)    "{\"card_type\":\"news_notice\"," TITLE "," ACTION1 m "}"
#define BUTTON     "{\"text\":\"b\",\"key\":\"k\"}"
#define BUTTONS(m) "{\"card_type\":\"button_interaction\"," TITLE ",\"task_id\":\"t1\",\"button_list\":" m "}"
#define BUTTONED(m) "{\"card_type\":\"button_interaction\"," TITLE ",\"task_id\":\"t1\",\"button_list\":[" BUTTON "]" m "}"
#define SUBMIT     "\"submit_button\":{\"text\":\"s\",\"key\":\"k\"}"
#define VOTE(m)    "{\"card_type\":\"vote_interaction\"," TITLE ",\"task_id\":\"t1\"," SUBMIT ",\"checkbox\":{\"question_key\":\"q\"," m "}}"
#define SELECTS(m) "{\"card_type\":\"multiple_interaction\"," TITLE ",\"task_id\":\"t1\"," SUBMIT ",\"select_list\":[" m "]}"
#define SELECT(q, m) "{\"question_key\":\"" q "\",\"option_list\":[" m "]}"
#define OPTION(id) "{\"id\":\"" id "\",\"text\":\"o\"}"

struct ruling {
	const char *card;
	const char *rule;     /* how the sentence begins; NULL: good */
};

static const struct ruling rulings[] = {
	{"{}", "card_type: text_notice"},
	{"[]", "card_type: "},
	{"{\"card_type\":\"poster\"}", "card_type: "},
	{NOTICE(""), NULL},
	{NOTICE(",\"emphasis_content\":{\"title\":\"100\",\"desc\":\"d\"}"), NULL},
	{NOTICE(",\"source\":{\"icon_url\":\"https://i\",\"desc\":\"d\",\"desc_color\":3}"), NULL},
	{NOTICE(",\"source\":{\"desc_color\":4}"), "source.desc_color: a whole number from 0 to 3"},
	{NOTICE(",\"source\":{\"icon_url\":\"javascript:1\"}"), "source.icon_url: an address"},
	{NOTICE(",\"colour\":1"), "colour: there is no such member"},
	{NOTICE(",\"button_list\":[" BUTTON "]"), "button_list: there is no such member"},
	{NOTICE(",\"sub_title_text\":5"), "sub_title_text: a text"},
	{"{\"card_type\":\"text_notice\"," TITLE "}", "card_action: it is required"},
	{"{\"card_type\":\"text_notice\"," TITLE ",\"card_action\":{\"type\":0}}", "card_action.type: 1 or 2"},
	{"{\"card_type\":\"text_notice\"," TITLE ",\"card_action\":{\"type\":1}}", "card_action.url: this type needs it"},
	{"{\"card_type\":\"text_notice\"," TITLE ",\"card_action\":{\"type\":2}}", "card_action.appid: this type needs it"},
	{"{\"card_type\":\"text_notice\"," ACTION1 "}", "main_title.title: this or sub_title_text"},
	{"{\"card_type\":\"text_notice\",\"sub_title_text\":\"s\"," ACTION1 "}", NULL},
	{NOTICE(",\"quote_area\":{\"type\":1}"), "quote_area.url: this type needs it"},
	{NOTICE(",\"quote_area\":{\"type\":2,\"appid\":\"a\",\"quote_text\":\"q\"}"), NULL},
	{NOTICE(",\"horizontal_content_list\":[{\"keyname\":\"k\",\"value\":\"v\"}]"), NULL},
	{NOTICE(",\"horizontal_content_list\":[{\"value\":\"v\"}]"), "horizontal_content_list[0].keyname: it is required"},
	{NOTICE(",\"horizontal_content_list\":[{\"keyname\":\"k\",\"type\":3}]"), "horizontal_content_list[0].userid: this type"},
	{NOTICE(",\"horizontal_content_list\":[{\"keyname\":\"k\",\"type\":2}]"), "horizontal_content_list[0].type: 0, 1 or 3"},
	{NOTICE(",\"jump_list\":[{\"title\":\"t\",\"type\":3,\"question\":\"问\"}]"), NULL},
	{NOTICE(",\"jump_list\":[{\"title\":\"t\",\"type\":3}]"), "jump_list[0].question: this type needs it"},
	{NOTICE(",\"jump_list\":[{\"title\":\"t\"},{\"title\":\"t\"},{\"title\":\"t\"},{\"title\":\"t\"}]"), "jump_list: a list of 0 to 3"},
	{NOTICE(",\"action_menu\":{\"desc\":\"d\",\"action_list\":[{\"text\":\"t\",\"key\":\"k\"}]}"), "task_id: a card with an action_menu"},
	{NOTICE(",\"task_id\":\"a-1_@\",\"action_menu\":{\"desc\":\"d\",\"action_list\":[{\"text\":\"t\",\"key\":\"k\"}]}"), NULL},
	{NOTICE(",\"task_id\":\"a\",\"action_menu\":{\"desc\":\"d\",\"action_list\":[]}"), "action_menu.action_list: a list of 1 to 3"},
	{NOTICE(",\"task_id\":\"a b\""), "task_id: letters, digits"},
	{NOTICE(",\"task_id\":\"任务\""), "task_id: letters, digits"},
	{NOTICE(",\"feedback\":{\"id\":\"f\"}"), NULL},
	{NOTICE(",\"feedback\":{}"), "feedback.id: it is required"},
	{NEWS(""), "card_image: this or image_text_area"},
	{NEWS(",\"card_image\":{\"url\":\"https://p\",\"aspect_ratio\":1.3}"), NULL},
	{NEWS(",\"card_image\":{\"url\":\"https://p\",\"aspect_ratio\":2.25}"), "card_image.aspect_ratio: a number from 1.3"},
	{NEWS(",\"card_image\":{}"), "card_image.url: it is required"},
	{NEWS(",\"image_text_area\":{\"image_url\":\"https://p\",\"type\":1}"), "image_text_area.url: this type needs it"},
	{NEWS(",\"image_text_area\":{\"image_url\":\"https://p\"}"), NULL},
	{NEWS(",\"card_image\":{\"url\":\"https://p\"},\"vertical_content_list\":[{\"desc\":\"d\"}]"), "vertical_content_list[0].title"},
	{BUTTONS("[" BUTTON "]"), NULL},
	{BUTTONS("[]"), "button_list: a list of 1 to 6"},
	{BUTTONS("[" BUTTON "," BUTTON "]"), "button_list.key: it comes twice"},
	{BUTTONS("[{\"text\":\"b\",\"key\":\"k\",\"style\":5}]"), "button_list[0].style: a whole number from 1 to 4"},
	{BUTTONS("[{\"text\":\"\",\"key\":\"k\"}]"), "button_list[0].text: 1 to 2048 bytes"},
	{BUTTONED(",\"button_selection\":" SELECT("q", OPTION("1"))), NULL},
	{"{\"card_type\":\"button_interaction\"," TITLE ",\"button_list\":[" BUTTON "]}", "task_id: it is required"},
	{VOTE("\"mode\":1,\"option_list\":[" OPTION("1") "," OPTION("2") "]"), NULL},
	{VOTE("\"mode\":2,\"option_list\":[" OPTION("1") "]"), "checkbox.mode: a whole number from 0 to 1"},
	{VOTE("\"option_list\":[" OPTION("1") "," OPTION("1") "]"), "checkbox.option_list.id: it comes twice"},
	{VOTE("\"option_list\":[]"), "checkbox.option_list: a list of 1 to 20"},
	{VOTE("\"option_list\":[{\"id\":\"1\",\"text\":\"a\",\"is_checked\":true},{\"id\":\"2\",\"text\":\"b\",\"is_checked\":true}]"),
	 "checkbox.option_list: one choice alone"},
	{SELECTS(SELECT("q", OPTION("1"))), NULL},
	{SELECTS(SELECT("q", OPTION("1")) "," SELECT("q", OPTION("1"))), "select_list.question_key: it comes twice"},
	{SELECTS(""), "select_list: a list of 1 to 3"},
	{SELECTS(SELECT("q", "")), "select_list[0].option_list: a list of 1 to 10"},
};

static void each_rule_refuses_its_breach_and_nothing_else(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rulings / sizeof *rulings; i++) {
		const struct ruling *r    = &rulings[i];
		json_t              *card = wc_json_parse(a, r->card, strlen(r->card), &e);
		int                  rc;

		assert_non_null(card);
		rc = card_check(card, &e);
		if (r->rule ? rc == 0 || strncmp(e.text, r->rule, strlen(r->rule)) || e.code != WC_E_ARG : rc < 0)
			fail_msg("%s\n  gave %s\n  expected %s", r->card, rc < 0 ? e.text : "good", r->rule ? r->rule : "good");
	}
}

static const char *letters(size_t n)
{
	char *s = wc_alloc(a, n + 1);

	memset(s, 'x', n);
	return s;
}

static void bytes_are_counted_where_the_documents_count_them(void **state)
{
	static const struct { const char *before, *after; size_t max; } limits[] = {
		{"{\"card_type\":\"button_interaction\"," TITLE ",\"button_list\":[" BUTTON "],\"task_id\":\"", "\"}", 128},
		{"{\"card_type\":\"button_interaction\"," TITLE ",\"task_id\":\"t\",\"button_list\":[{\"text\":\"t\",\"key\":\"", "\"}]}", 1024},
		{"{\"card_type\":\"text_notice\"," TITLE "," ACTION1 ",\"jump_list\":[{\"title\":\"t\",\"type\":3,\"question\":\"", "\"}]}", 200},
		{"{\"card_type\":\"text_notice\"," TITLE "," ACTION1 ",\"feedback\":{\"id\":\"", "\"}}", 256},
		{"{\"card_type\":\"vote_interaction\"," TITLE ",\"task_id\":\"t\"," SUBMIT ",\"checkbox\":{\"question_key\":\"q\",\"option_list\":[{\"text\":\"t\",\"id\":\"", "\"}]}}", 128},
	};

	(void)state;
	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
		for (size_t over = 0; over < 2; over++) {
			const char *text = wc_printf(a, "%s%s%s", limits[i].before, letters(limits[i].max + over), limits[i].after);

			assert_int_equal(card_check(wc_json_parse(a, text, strlen(text), &e), &e), over ? -1 : 0);
		}
}

static void the_five_builders_make_good_cards(void **state)
{
	json_t *card[5] = {card_text_notice(a, "标题", "说明", "正文", "https://example.com"),
	                   card_news_notice(a, "标题", NULL, "https://example.com/p.png", "https://example.com"),
	                   card_buttons(a, "标题", "说明", "t-1"), card_vote(a, "投票", NULL, "t-2", "q", true, "提交", "vote"),
	                   card_choices(a, "选择", NULL, "t-3", "提交", "choose")};

	(void)state;
	card_add_fact(card[0], "名称", "值");
	card_add_button(card[2], "好", 1, "ok");
	card_add_option(card[3], "1", "甲", true);
	card_add_option(card[3], "2", "乙", true);
	card_add_select(card[4], "q1", "哪一个");
	card_add_select_option(card[4], "1", "甲");
	for (size_t i = 0; i < 5; i++)
		if (card_check(card[i], &e) < 0)
			fail_msg("card %zu: %s", i, e.text);
}

static void what_phones_cut_is_told_and_not_refused(void **state)
{
	json_t *card = card_text_notice(a, "标题", "说明", NULL, "https://example.com");

	(void)state;
	card_add_fact(card, "五个字以内", "值");
	assert_int_equal(json_array_size(card_advice(a, card)), 0);
	card_add_fact(card, "这是六个字", "值");
	card_add_fact(card, "这里有六个字", "值");
	card_set_emphasis(card, "12345678901", "说明");
	assert_int_equal(card_check(card, &e), 0);
	assert_string_equal(wc_json_text(a, card_advice(a, card)),
	                    "[{\"member\":\"horizontal_content_list[2].keyname\",\"shown\":5},{\"member\":\"emphasis_content.title\",\"shown\":10}]");
}

static void a_card_without_its_parts_is_found(void **state)
{
	(void)state;
	assert_int_equal(card_check(card_buttons(a, "标题", NULL, "t"), &e), -1);
	assert_int_equal(card_check(card_text_notice(a, NULL, NULL, NULL, "https://x"), &e), -1);
	assert_int_equal(card_check(card_choices(a, "选", NULL, NULL, "提交", "k"), &e), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_rule_refuses_its_breach_and_nothing_else, fresh, done),
		cmocka_unit_test_setup_teardown(bytes_are_counted_where_the_documents_count_them, fresh, done),
		cmocka_unit_test_setup_teardown(the_five_builders_make_good_cards, fresh, done),
		cmocka_unit_test_setup_teardown(what_phones_cut_is_told_and_not_refused, fresh, done),
		cmocka_unit_test_setup_teardown(a_card_without_its_parts_is_found, fresh, done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
