/* Tools: what an agent may call, through /mcp (docs/mcp.md).
 *
 * A tool is a function with a table of its arguments. The host shows it to callers of its role, checks the arguments, writes an audit
 * entry before a call that changes something or reaches out, and puts result or error into the protocol's words. */
#pragma once

#include <stddef.h>

#include <wecomd/arena.h>
#include <wecomd/err.h>
#include <wecomd/field.h>
#include <wecomd/json.h>
#include <wecomd/web.h>

/* The worst that a call can do; agents ask their person before anything but reading. */
typedef enum wc_effect {
	WC_READS = 1,       /* changes nothing */
	WC_CHANGES,         /* changes something here */
	WC_REACHES_OUT,     /* asks or acts on a service outside: WeCom, a model that costs money */
} wc_effect;

typedef struct wc_tool_call {
	wc_arena   *arena;      /* ends with the request */
	const char *actor;      /* "key:NAME", "user:NAME": for the audit trail */
	const void *args;       /* the struct that the tool's table filled */
} wc_tool_call;

/* The result, an object that the arena keeps (wc_json() makes one), or NULL with *e: the caller reads what REST would say of it. What
 * changes something is audited in its own transaction besides, as everywhere. */
typedef json_t *wc_tool_fn(const wc_tool_call *call, const void *self, wc_err *e);

typedef struct wc_tool {
	const char     *name;          /* "smartbot_ask": the plugin's name ('-' written '_'), '_', then lower-case letters, digits, '_'; 64 bytes */
	wc_role         role;          /* WC_VIEWER or above: nobody calls a tool without credentials */
	wc_effect       effect;
	wc_tool_fn     *run;
	const char     *summary;       /* what it does and what it answers, for a model that chooses among tools */
	const wc_field *args;          /* NULL: none */
	size_t          args_size;     /* of the struct that args fills */
	const wc_field *answer;        /* the members of a good result; NULL: not said */
} wc_tool;
