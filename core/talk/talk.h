/* What the talk tier offers to the higher tiers of core, besides <wecomd/customer.h>. */
#pragma once

#include <stdbool.h>

#include <wecomd/customer.h>
#include <wecomd/field.h>
#include <wecomd/talk.h>

/* A section and the self of the plugin that it belongs to. */
struct customer_section {
	const wc_section *section;
	const void       *self;
};

struct customer_settings {
	const char *privacy_notice;
};

extern const wc_field customer_fields[];     /* [customer] */

/* Borrowed for good; before threads. */
void customers_settings(const struct customer_settings *settings);

/* All sections of all plugins; a NULL section at the end. Borrowed; set before threads. */
void customers_use(const struct customer_section *sections);

/* The customer with a member for each section, whole or as viewers may see it. NULL: WC_E_NOT_FOUND, or a section's own error. */
json_t *customer_json(wc_arena *a, int64_t id, bool whole, wc_err *e);

/* Erases what the sections keep, destroys the data key and writes the audit entry, in one transaction. reason is kept in the audit
 * trail. -1: WC_E_NOT_FOUND; WC_E_CONFLICT for one that is erased already. */
int customer_erase(int64_t id, const char *actor, const char *reason, wc_err *e);

/* The whole of customer_json(), noted in the audit trail before it is given out. */
json_t *customer_export(wc_arena *a, int64_t id, const char *actor, wc_err *e);

/* --- conversations ---------------------------------------------------------------------------------------------------- */

/* A channel or subscription, and the self of the plugin that it belongs to. */
struct talk_channel {
	const wc_channel *channel;
	const void       *self;
};

/* All of all plugins; a NULL channel and topic at the end. Borrowed; set before threads. */
void talk_use(const struct talk_channel *channels, const wc_topic *const *topics);

/* Whether plugins can subscribe to it. */
bool talk_knows_topic(const char *topic);

extern const struct wc_plugin talk_part;
