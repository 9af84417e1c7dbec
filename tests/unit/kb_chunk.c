/* Documents cut into chunks: where the cuts are, what each format says, and what is refused. */
#include "check.h"

#include "../../plugins/kb-escalation/chunk.c"

static wc_arena     *a;
static wc_err        e;
static struct chunk *list;
static size_t        count;

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

static int cut(doc_format format, const char *text)
{
	return chunks_of(a, format, (wc_slice){text, strlen(text)}, &list, &count, &e);
}

static const char *repeated(const char *s, size_t times)
{
	wc_buf *b = wc_buf_new(a, 1 << 20);

	for (size_t i = 0; i < times; i++)
		wc_buf_adds(b, s);
	return b->s;
}

static void short_paragraphs_share_a_chunk(void **state)
{
	(void)state;
	assert_int_equal(cut(DOC_TEXT, "第一段。\n\n第二段。\n"), 0);
	assert_int_equal(count, 1);
	assert_string_equal(list[0].text, "第一段。\n第二段。");
	assert_string_equal(list[0].heading, "");
}

static void a_long_text_is_cut_between_sentences_and_the_last_one_comes_again(void **state)
{
	(void)state;
	assert_int_equal(cut(DOC_TEXT, repeated("这是一个有十二个字的句子。", 100)), 0);
	assert_true(count > 2);
	for (size_t i = 0; i < count; i++) {
		assert_true(wc_utf8_count(list[i].text, strlen(list[i].text)) <= CHUNK_CHARS + 1);
		assert_true(!strncmp(list[i].text, "这是", strlen("这是")));
		assert_string_equal(list[i].text + strlen(list[i].text) - strlen("句子。"), "句子。");
	}
}

static void a_text_without_any_mark_is_cut_between_characters(void **state)
{
	size_t chars = 0;

	(void)state;
	assert_int_equal(cut(DOC_TEXT, repeated("茶", 1200)), 0);
	for (size_t i = 0; i < count; i++) {
		assert_true(wc_utf8_valid(list[i].text, strlen(list[i].text)));
		chars += wc_utf8_count(list[i].text, strlen(list[i].text));
	}
	assert_int_equal(chars, 1200);
}

static void headings_lead_their_chunks_and_end_the_ones_before(void **state)
{
	(void)state;
	assert_int_equal(cut(DOC_MARKDOWN, "开头\n\n# 配送\n\n## 运费\n\n满 99 元*包邮*，见[说明](https://x.example/a)。\n\n## 时效\n\n- 江浙沪\n- 其他\n\n# 退换\n\n`七天`\n"), 0);
	assert_int_equal(count, 4);
	assert_string_equal(list[0].heading, "");
	assert_string_equal(list[1].heading, "配送 > 运费");
	assert_string_equal(list[1].text, "满 99 元包邮，见说明 (https://x.example/a)。");
	assert_string_equal(list[2].heading, "配送 > 时效");
	assert_string_equal(list[2].text, "- 江浙沪\n- 其他");
	assert_string_equal(list[3].heading, "退换");
	assert_string_equal(list[3].text, "七天");
}

static void html_gives_its_words_and_nothing_that_runs(void **state)
{
	(void)state;
	assert_int_equal(cut(DOC_HTML, "<html><head><title>x</title><style>p{}</style></head><body><script>alert(1)</script><h2>运 费</h2>"
	                               "<p>满&nbsp;99\n  元<b>包邮</b></p><ul><li>一</li><li>二</ul><iframe src=x>y</iframe></body></html>"), 0);
	assert_int_equal(count, 1);
	assert_string_equal(list[0].heading, "运 费");
	assert_string_equal(list[0].text, "满\u00a099 元包邮\n一\n二");
}

static void a_table_of_pairs_gives_one_chunk_each(void **state)
{
	(void)state;
	assert_int_equal(cut(DOC_CSV, "\xEF\xBB\xBF编号,问题,备注,答案,分类\r\na1,\"怎么\"\"退\"\"货，\n可以吗\",x,七天内,退换\r\n\r\na2,几点开门,,十点,\r\n"), 0);
	assert_int_equal(count, 2);
	assert_string_equal(list[0].label, "a1");
	assert_string_equal(list[0].question, "怎么\"退\"货，\n可以吗");
	assert_string_equal(list[0].text, "七天内");
	assert_string_equal(list[0].category, "退换");
	assert_null(list[1].category);
}

static void refused(doc_format format, const char *text, const char *says)
{
	assert_int_equal(cut(format, text), -1);
	assert_int_equal(e.code, WC_E_ARG);
	assert_non_null(strstr(e.text, says));
}

static void what_cannot_be_read_is_refused_with_its_line(void **state)
{
	(void)state;
	refused(DOC_TEXT, "好\n好\xE4\xBD\n", "line 2 is no UTF-8");
	refused(DOC_CSV, "问题,说明\n一,二\n", "must name the columns");
	refused(DOC_CSV, "question,answer\n一,二\n三,\n", "line 3 has a question without an answer");
	refused(DOC_CSV, "question,answer\n一,\"二\n", "line 2 is torn");
	refused(DOC_CSV, "", "the table is empty");
}

static void nothing_gives_no_chunk(void **state)
{
	(void)state;
	assert_int_equal(cut(DOC_TEXT, " \n\n\t\n"), 0);
	assert_int_equal(count, 0);
	assert_int_equal(cut(DOC_HTML, "<p> </p>"), 0);
	assert_int_equal(count, 0);
}

static void formats_go_by_the_end_of_the_name(void **state)
{
	(void)state;
	assert_int_equal(doc_format_of("a/常见问题.CSV"), DOC_CSV);
	assert_int_equal(doc_format_of("x.md"), DOC_MARKDOWN);
	assert_int_equal(doc_format_of("x.exe"), 0);
	assert_int_equal(doc_format_of(".md"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(short_paragraphs_share_a_chunk, fresh, done),
		cmocka_unit_test_setup_teardown(a_long_text_is_cut_between_sentences_and_the_last_one_comes_again, fresh, done),
		cmocka_unit_test_setup_teardown(a_text_without_any_mark_is_cut_between_characters, fresh, done),
		cmocka_unit_test_setup_teardown(headings_lead_their_chunks_and_end_the_ones_before, fresh, done),
		cmocka_unit_test_setup_teardown(html_gives_its_words_and_nothing_that_runs, fresh, done),
		cmocka_unit_test_setup_teardown(a_table_of_pairs_gives_one_chunk_each, fresh, done),
		cmocka_unit_test_setup_teardown(what_cannot_be_read_is_refused_with_its_line, fresh, done),
		cmocka_unit_test_setup_teardown(nothing_gives_no_chunk, fresh, done),
		cmocka_unit_test_setup_teardown(formats_go_by_the_end_of_the_name, fresh, done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
