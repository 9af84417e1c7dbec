/* Jansson with the arena's ownership: a kept value is borrowed by everybody and freed with the arena. */
#pragma once

#include <jansson.h>

#include <wecomd/arena.h>
#include <wecomd/err.h>

/* Drops the reference when the arena ends; returns value. NULL ends the process (Jansson is out of memory,
 * or a json_pack format is wrong: both are bugs). */
json_t *wc_json_keep(wc_arena *a, json_t *value);

/* json_pack whose result the arena keeps. */
json_t *wc_json(wc_arena *a, const char *format, ...);

/* Parses n bytes of hostile input: nested at most 128 deep, duplicate keys refused. NULL with WC_E_ARG. */
json_t *wc_json_parse(wc_arena *a, const char *p, size_t n, wc_err *e);

char *wc_json_text(wc_arena *a, const json_t *value);     /* compact */

/* A member by its path ("text.content"); NULL where there is none or it has another type. Borrowed. */
const char *wc_json_str(const json_t *object, const char *path);
const json_t *wc_json_at(const json_t *object, const char *path);
