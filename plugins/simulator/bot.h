/* The bots of the simulated company: rows of simulator_bot, seeded from [simulator:NAME]. */
#pragma once

#include "simulator.h"

/* The settings of one section. */
struct bot_section {
	const char *aibotid, *bot_name, *callback, *token, *aes_key;
};

struct bot {
	const char *name, *bot_name, *aibotid;
	const char *url;                 /* where its callbacks go */
	const char *token, *aes_key;
};

int bot_seed(const char *name, const void *instance, const char *seed_hash, const void *self, wc_err *e);

/* 0 with *bot in the arena; -1 with WC_E_NOT_FOUND, WC_E_DB or WC_E_INTERNAL (its secrets do not open). */
int bot_load(const struct simulator *sim, wc_arena *a, const char *name, struct bot *bot, wc_err *e);

/* *title becomes the name that people see, or NULL when there is no such bot. 0, or -1 with WC_E_DB. */
int bot_title(wc_arena *a, const char *name, const char **title, wc_err *e);

/* [{"id","name"}, …] */
int bot_list(wc_arena *a, json_t **list, wc_err *e);
