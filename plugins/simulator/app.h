/* The company's apps, written "agentid:secret|agentid:secret" in the configuration. */
#pragma once

#include <wecomd/arena.h>
#include <wecomd/err.h>

#include <stddef.h>
#include <stdint.h>

struct cgi_app {
	int64_t     agent;
	const char *secret;
};

/* 0, or -1 with WC_E_CONFIG. */
int apps_parse(wc_arena *a, const char *text, struct cgi_app **apps, size_t *n, wc_err *e);
