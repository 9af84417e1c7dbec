/* JSON whose strings may begin or end in the middle of a character.
 *
 * Endpoints cut text between tokens, and a token may be a part of a character: one event ends with half of its UTF-8 bytes
 * or with half of a pair \ud83d\ude00, the next begins with the rest. A JSON parser refuses both, so the strings are
 * rewritten for it, and read back as bytes that can be joined. */
#pragma once

#include <wecomd/arena.h>
#include <wecomd/err.h>
#include <wecomd/json.h>

/* As wc_json_parse. *torn says whether the text was rewritten; then its strings are for torn_bytes(). */
json_t *torn_parse(wc_arena *a, const char *p, size_t n, bool *torn, wc_err *e);

/* The bytes a string of a torn text stands for; *n is their count. Half of a surrogate pair comes as the three bytes that
 * UTF-8 would give it if it were allowed to. */
const char *torn_bytes(wc_arena *a, const json_t *string, size_t *n);
