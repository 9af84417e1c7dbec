/* Template cards (doc/101032): the checker, and builders for the five types. Private to plugins/smartbot. */
#pragma once

#include <wecomd/arena.h>
#include <wecomd/err.h>
#include <wecomd/json.h>

/* Whether WeCom would take the card: members, types, counts, bytes, and what must be there together. -1: WC_E_ARG, and the
 * sentence names the member ("button_list[2].key: …"). Members that the documents do not know are refused. */
int card_check(const json_t *card, wc_err *e);

/* What of a good card the phone will not show whole: [{"member","shown"}], shown in characters. The documents advise these lengths. */
json_t *card_advice(wc_arena *a, const json_t *card);

/* The five builders. What they return is kept by the arena and still lacks what card_add…() brings; check it before it is sent. url is
 * where a touch leads: a notice needs one. task_id comes back with the event; NULL: none. */
json_t *card_text_notice(wc_arena *a, const char *title, const char *desc, const char *text, const char *url);
json_t *card_news_notice(wc_arena *a, const char *title, const char *desc, const char *image_url, const char *url);
json_t *card_buttons(wc_arena *a, const char *title, const char *desc, const char *task_id);
json_t *card_vote(wc_arena *a, const char *title, const char *desc, const char *task_id, const char *question_key, bool many,
                  const char *submit_text, const char *submit_key);
json_t *card_choices(wc_arena *a, const char *title, const char *desc, const char *task_id, const char *submit_text, const char *submit_key);

void card_set_emphasis(json_t *card, const char *title, const char *desc);                     /* of a text_notice: large */
void card_add_button(json_t *card, const char *text, int style, const char *key);
void card_add_fact(json_t *card, const char *name, const char *value);                        /* a line "name: value" */
void card_add_option(json_t *card, const char *id, const char *text, bool checked);            /* of a vote */
void card_add_select(json_t *card, const char *question_key, const char *title);               /* of choices */
void card_add_select_option(json_t *card, const char *id, const char *text);                   /* of the select added last */
