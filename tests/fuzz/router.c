/* The router. Input: routes ("GET /api/things/{id}"), one on a line, an empty line, then requests in the same form. Routes that clash with
 * earlier ones are left out, as the host refuses them. What is found is compared with a search that takes paths apart by itself. */
#include "fuzz.h"

#include "web/request.h"

#define ROUTES   24
#define SEGMENTS 12     /* more than any route has; what has more is left out */

struct path {
	struct input part[SEGMENTS + 1];
	size_t       n;
};

static const char *const methods[] = {"GET", "POST", "PUT", "DELETE", "HEAD"};

/* false: not of the form "/a/b", or too many segments. */
static bool take_apart(const char *text, struct path *p)
{
	for (p->n = 0; *text == '/' && p->n <= SEGMENTS; p->n++) {
		p->part[p->n] = (struct input){text + 1, strcspn(text + 1, "/")};
		text += 1 + p->part[p->n].n;
	}
	return p->n && !*text && p->n <= SEGMENTS;
}

static bool is_parameter(struct input part)
{
	return part.n > 2 && part.p[0] == '{' && part.p[part.n - 1] == '}';
}

/* Reads "METHOD PATH"; the method's place in methods, or -1. */
static int take_request(wc_arena *a, struct input line, const char **path)
{
	for (int m = 0; m < 5; m++) {
		size_t n = strlen(methods[m]);

		if (line.n > n && !memcmp(line.p, methods[m], n) && line.p[n] == ' ') {
			*path = text_of(a, (struct input){line.p + n + 1, line.n - n - 1});
			return m;
		}
	}
	return -1;
}

static size_t read_routes(wc_arena *a, struct input *in, struct web_route *routes)
{
	size_t n = 0;

	for (struct input line = take_line(in); line.n && n < ROUTES; line = take_line(in)) {
		wc_route    *r = wc_alloc(a, sizeof *r);
		struct path  p;
		size_t       parameters = 0;
		bool         clash      = false;
		int          method     = take_request(a, line, &r->path);

		if (method < 0 || method > 3 || !take_apart(r->path, &p))
			continue;
		r->method = (wc_method)(WC_GET + method);
		for (size_t i = 0; i < p.n; i++)
			parameters += is_parameter(p.part[i]);
		for (size_t i = 0; i < n; i++) {
			must(route_clashes(routes[i].route, r) == route_clashes(r, routes[i].route));
			clash |= route_clashes(routes[i].route, r);
		}
		if (!clash && parameters <= PARAMS_MAX)
			routes[n++].route = r;
	}
	return n;
}

/* 0: it does not match; otherwise greater the more literal it is from the left. */
static unsigned plain_match(wc_arena *a, const char *pattern, const char *path)
{
	struct path want, have;
	unsigned    score = 1;

	if (!take_apart(pattern, &want) || !take_apart(path, &have) || want.n != have.n)
		return 0;
	for (size_t i = 0; i < want.n; i++) {
		struct input w = want.part[i], h = have.part[i];
		bool         parameter = is_parameter(w);

		if (parameter ? !h.n || !percent_decode(a, h.p, h.n) : w.n != h.n || memcmp(w.p, h.p, w.n))
			return 0;
		score = score << 1 | !parameter;
	}
	return score;
}

static void check_params(wc_request *rq, const char *pattern)
{
	struct path want, have;
	size_t      n = 0;

	must(take_apart(pattern, &want) && take_apart(rq->path, &have));
	for (size_t i = 0; i < want.n; i++) {
		const char *value;

		if (!is_parameter(want.part[i]))
			continue;
		must(n < rq->param_count);
		value = rq->params[n].value;
		must(strlen(rq->params[n].name) == want.part[i].n - 2 && !memcmp(rq->params[n].name, want.part[i].p + 1, want.part[i].n - 2));
		must(*value && wc_utf8_valid(value, strlen(value)));
		must(!strcmp(value, percent_decode(rq->arena, have.part[i].p, have.part[i].n)));
		n++;
	}
	must(n == rq->param_count);
}

static void check_request(wc_arena *a, const struct web_route *routes, int method, const char *path)
{
	wc_request              rq = {.arena = a, .method_text = methods[method], .path = path, .is_head = method == 4};
	char                    allow[32];
	const struct web_route *found = route_find(&rq, routes, allow), *best = NULL;
	unsigned                best_score = 0;
	bool                    any        = false;

	for (const struct web_route *r = routes; r->route; r++) {
		unsigned score = plain_match(a, r->route->path, path);

		any |= score > 0;
		must(!score || strstr(allow, method_name(r->route->method)));
		if (score > best_score && r->route->method == (wc_method)(WC_GET + method % 4)) {
			best       = r;
			best_score = score;
		}
	}
	must(strlen(allow) < sizeof allow && any == (*allow != 0));
	must(found == best);
	if (found)
		check_params(&rq, found->route->path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input     in     = {(const char *)data, size};
	wc_arena        *a      = wc_arena_new();
	struct web_route routes[ROUTES + 1] = {0};

	read_routes(a, &in, routes);
	while (in.n) {
		const char *path;
		int         method = take_request(a, take_line(&in), &path);
		struct path p;

		if (method >= 0 && take_apart(path, &p))
			check_request(a, routes, method, path);
	}
	wc_arena_free(a);
	return 0;
}
