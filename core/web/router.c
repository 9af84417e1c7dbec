/* Routes: patterns of literal segments and {parameters}. */
#include "web/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const method_names[] = {[WC_GET] = "GET", [WC_POST] = "POST", [WC_PUT] = "PUT", [WC_DELETE] = "DELETE"};
static const char *const role_names[]   = {[WC_ANYONE] = "anyone", [WC_VIEWER] = "viewer", [WC_OPERATOR] = "operator",
                                           [WC_APPROVER] = "approver", [WC_ADMIN] = "admin"};

const char *method_name(wc_method method)
{
	return method_names[method];
}

const char *role_name(wc_role role)
{
	return role_names[role];
}

wc_role role_of(const char *name)
{
	for (wc_role role = WC_ANYONE; role <= WC_ADMIN; role++)
		if (!strcmp(role_names[role], name))
			return role;
	return 0;
}

struct segment {
	const char *s;
	size_t      n;
};

/* The segment behind the '/' at *at; moves *at to the next '/' or the end. false at the end. */
static bool next_segment(const char **at, struct segment *out)
{
	if (**at != '/')
		return false;
	out->s = ++*at;
	out->n = strcspn(*at, "/");
	*at += out->n;
	return true;
}

static bool is_param(struct segment s)
{
	return s.n > 2 && s.s[0] == '{' && s.s[s.n - 1] == '}';
}

bool route_clashes(const wc_route *a, const wc_route *b)
{
	const char    *pa = a->path, *pb = b->path;
	struct segment x, y;

	if (a->method != b->method)
		return false;
	for (;;) {
		bool more_a = next_segment(&pa, &x), more_b = next_segment(&pb, &y);

		if (!more_a || !more_b)
			return more_a == more_b;
		/* A literal beats a parameter, so only like kinds clash. */
		if (is_param(x) != is_param(y) || (!is_param(x) && (x.n != y.n || memcmp(x.s, y.s, x.n))))
			return false;
	}
}

static bool add_param(wc_request *rq, struct segment pattern, struct segment value)
{
	struct param *p = &rq->params[rq->param_count];

	if (!value.n || rq->param_count == PARAMS_MAX || !(p->value = percent_decode(rq->arena, value.s, value.n)))
		return false;
	p->name = wc_strndup(rq->arena, pattern.s + 1, pattern.n - 2);
	rq->param_count++;
	return true;
}

/* 0: no match; otherwise greater the more literal the pattern is. */
static unsigned match(wc_request *rq, const char *pattern)
{
	const char    *at = rq->path;
	struct segment want, have;
	unsigned       score = 1;

	rq->param_count = 0;
	while (next_segment(&pattern, &want)) {
		if (!next_segment(&at, &have))
			return 0;
		score <<= 1;
		if (is_param(want)) {
			if (!add_param(rq, want, have))
				return 0;
		} else if (want.n != have.n || memcmp(want.s, have.s, want.n)) {
			return 0;
		} else {
			score |= 1;
		}
	}
	return *at ? 0 : score;
}

static bool method_fits(const wc_request *rq, const wc_route *route)
{
	return !strcmp(method_names[route->method], rq->is_head ? "GET" : rq->method_text);
}

const struct web_route *route_find(wc_request *rq, const struct web_route *routes, char allow[32])
{
	const struct web_route *best = NULL;
	unsigned                best_score = 0, score;
	size_t                  n = 0;

	allow[0] = 0;
	for (const struct web_route *r = routes; r->route; r++) {
		/* Most routes are out of the question by their first letter. */
		if ((r->route->path[1] != '{' && r->route->path[1] != rq->path[1]) || !(score = match(rq, r->route->path)))
			continue;
		if (method_fits(rq, r->route) && score > best_score) {
			best       = r;
			best_score = score;
		}
		if (!strstr(allow, method_names[r->route->method]))
			n += (size_t)snprintf(allow + n, 32 - n, "%s%s", n ? ", " : "", method_names[r->route->method]);
	}
	if (best)
		match(rq, best->route->path);
	return best;
}
