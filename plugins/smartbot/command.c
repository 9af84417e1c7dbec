/* Commands that people type, forgivingly, and the card that switches the role. */
#include "smartbot.h"

#include <string.h>

#define NAME_CHARS 16     /* what follows "切换角色" is a name up to here, and otherwise a question */

static const char *first_word(wc_arena *a, const char *list)
{
	return wc_strndup(a, list, strcspn(list, "|"));
}

const char *help_text(wc_arena *a, const struct smartbot *self)
{
	return wc_printf(a,
	                 "直接提问就可以，也可以发图片、文本文件，或引用一条消息再问。还可以对我说：\n"
	                 "- **%s**：忘掉之前的对话\n- **%s**：换一个角色，如“%s 翻译”\n- **%s**：看看用了多少\n- **%s**：看这段说明",
	                 first_word(a, self->words_clear), first_word(a, self->words_role), first_word(a, self->words_role), first_word(a, self->words_usage),
	                 first_word(a, self->words_help));
}

json_t *help_card(wc_arena *a, const struct smartbot *self, const char *task_id, const char *desc)
{
	json_t *card = card_buttons(a, "使用帮助", desc, task_id);

	card_add_button(card, first_word(a, self->words_role), 1, "roles");
	card_add_button(card, first_word(a, self->words_usage), 2, "usage");
	card_add_button(card, first_word(a, self->words_clear), 3, "clear");
	return card;
}

/* Up to six are buttons, up to ten a list to choose from, up to twenty a vote for one: as many as each kind of card holds. */
json_t *role_card(wc_arena *a, const char *task_id, const char *current, const char *title, wc_err *e)
{
	const char  *desc = wc_printf(a, "现在是「%s」", current);
	struct role *roles;
	size_t       n;
	json_t      *card;

	if (role_list(a, &roles, &n, e) < 0)
		return NULL;
	if (n <= 6) {
		card = card_buttons(a, title, desc, task_id);
		for (size_t i = 0; i < n; i++)
			card_add_button(card, roles[i].name, strcmp(roles[i].name, current) ? 2 : 1, wc_printf(a, "role:%s", roles[i].name));
	} else if (n <= 10) {
		card = card_choices(a, title, desc, task_id, "切换", "role");
		card_add_select(card, "role", "角色");
		for (size_t i = 0; i < n; i++)
			card_add_select_option(card, roles[i].name, roles[i].name);
	} else {
		card = card_vote(a, title, desc, task_id, "role", false, "切换", "role");
		for (size_t i = 0; i < n && i < 20; i++)
			card_add_option(card, roles[i].name, roles[i].name, !strcmp(roles[i].name, current));
	}
	return card_check(card, e) < 0 ? NULL : card;
}

/* The role of that name, as it is written; NULL: none. */
static const char *find_role(wc_arena *a, const struct role *roles, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (words_alike(a, name, roles[i].name))
			return roles[i].name;
	return NULL;
}

static const char *role_names(wc_arena *a, const struct role *roles, size_t n)
{
	const char *names = "";

	for (size_t i = 0; i < n; i++)
		names = wc_printf(a, "%s%s%s", names, i ? "、" : "", roles[i].name);
	return names;
}

static int switch_role(wc_arena *a, const struct smartbot *self, const struct bot *bot, const struct conversation *c, const char *name, bool parted, const char *stream_id,
                       struct command_result *r, wc_err *e)
{
	const char  *current = *c->role ? c->role : bot->persona, *found;
	struct role *roles;
	size_t       n;

	if (role_list(a, &roles, &n, e) < 0)
		return -1;
	if (!*name) {
		if (!(r->card = role_card(a, wc_printf(a, "role-%s", stream_id), current, "切换角色", e)))
			return -1;
		/* The text above a card stays when the card is changed, so it says nothing that a press makes untrue. */
		r->beside = wc_printf(a, "选一个角色，或说“%s 名称”。", first_word(a, self->words_role));
		r->text   = wc_printf(a, "现在是「%s」。要换角色，请说“%s 名称”。可选：%s", current, first_word(a, self->words_role), role_names(a, roles, n));
		return 0;
	}
	if ((found = find_role(a, roles, n, name))) {
		if (memory_set_role(c->id, found, e) < 0)
			return -1;
		r->text = wc_printf(a, "好的，现在我是「%s」。", found);
	} else if (parted && wc_utf8_count(name, strlen(name)) <= NAME_CHARS) {
		r->text = wc_printf(a, "没有叫「%s」的角色。可选：%s", name, role_names(a, roles, n));
	}
	return 0;
}

/* A notice must lead somewhere, so without a link words must do. */
static int show_usage(wc_arena *a, const struct smartbot *self, const struct bot *bot, const struct person *p, struct command_result *r, wc_err *e)
{
	struct used used;
	json_t     *card;

	if (usage_read(a, self, bot, p, &used, e) < 0)
		return -1;
	r->text = usage_text(a, &used);
	if (!*self->link)
		return 0;
	card      = usage_card(a, &used, self->link);
	r->card   = card;
	r->beside = "到现在为止：";
	return card_check(card, e);
}

int command_try(wc_arena *a, const struct smartbot *self, const struct bot *bot, const struct speaker *who, const struct conversation *c,
                const char *text, const char *stream_id, struct command_result *r, wc_err *e)
{
	const char *rest;
	bool        parted;

	*r = (struct command_result){0};
	if (words_any(a, self->words_clear, text)) {
		if (memory_clear(NULL, c->id, e) < 0)
			return -1;
		r->text = *who->chat && !strcmp(bot->memory, "group") ? "好的，这个群之前的对话我都忘记了。" : "好的，之前的对话我都忘记了。";
	} else if (words_any(a, self->words_usage, text)) {
		return show_usage(a, self, bot, who->person, r, e);
	} else if (words_any(a, self->words_help, text)) {
		r->text = help_text(a, self);
		r->card = help_card(a, self, wc_printf(a, "help-%s", stream_id), NULL);
	} else if (words_begin(a, self->words_role, text, &rest, &parted)) {
		return switch_role(a, self, bot, c, rest, parted, stream_id, r, e);
	}
	return 0;
}
