/* The reader of server-sent events. It goes through the bytes once and keeps only the data of the event that is under way;
 * names and comments are never stored, so a fragment may end anywhere. */
#include <wecomd/http.h>

#include <string.h>

enum state { LINE_START, IN_NAME, AFTER_COLON, IN_DATA, SKIPPING };

struct wc_sse {
	wc_buf     *data;
	size_t      lines;          /* data lines of the event under way */
	enum state  state;
	size_t      bom;            /* bytes of a byte order mark seen; 3: no longer possible */
	size_t      name;           /* characters of "data" that match so far */
	bool        after_cr;       /* a line feed now belongs to the carriage return before it */
	wc_sse_fn  *on_event;
	void       *ctx;
};

static const char data_field[] = "data";

wc_sse *wc_sse_new(wc_arena *a, size_t max, wc_sse_fn *on_event, void *ctx)
{
	wc_sse *sse = wc_alloc(a, sizeof *sse);

	*sse = (wc_sse){.data = wc_buf_new(a, max), .on_event = on_event, .ctx = ctx};
	return sse;
}

static int too_large(wc_err *e)
{
	return wc_fail(e, WC_E_TOO_LARGE, "an event of the stream is over its bound");
}

static int dispatch(wc_sse *sse, wc_err *e)
{
	size_t lines = sse->lines;
	int    rc;

	sse->lines = 0;
	if (!lines)
		return 0;
	rc = sse->on_event(sse->ctx, sse->data->s, sse->data->len, e);
	wc_buf_clear(sse->data);
	return rc;
}

static int add(wc_sse *sse, const char *p, size_t n, wc_err *e)
{
	wc_buf_add(sse->data, p, n);
	return wc_buf_failed(sse->data) ? too_large(e) : 0;
}

static int start_data(wc_sse *sse, wc_err *e)
{
	return sse->lines++ ? add(sse, "\n", 1, e) : 0;
}

static int end_line(wc_sse *sse, wc_err *e)
{
	enum state state = sse->state;

	sse->state = LINE_START;
	if (state == LINE_START)
		return dispatch(sse, e);
	if (state == IN_NAME && sse->name == sizeof data_field - 1)
		return start_data(sse, e);
	return 0;
}

/* One character of a field's name. What is not "data" is skipped to the line's end, comments too: their name is empty. */
static int take_name(wc_sse *sse, char c, wc_err *e)
{
	if (sse->state == LINE_START)
		sse->name = 0;
	sse->state = IN_NAME;
	if (sse->name == sizeof data_field - 1 && c == ':') {
		sse->state = AFTER_COLON;
		return start_data(sse, e);
	}
	if (sse->name < sizeof data_field - 1 && c == data_field[sse->name])
		sse->name++;
	else
		sse->state = SKIPPING;
	return 0;
}

/* The bytes up to the line's end: how many they are. */
static size_t run_length(const char *p, size_t n)
{
	size_t i = 0;

	while (i < n && p[i] != '\n' && p[i] != '\r')
		i++;
	return i;
}

/* Takes some bytes that hold no line end; *used says how many. */
static int take_run(wc_sse *sse, const char *p, size_t n, size_t *used, wc_err *e)
{
	*used = 1;
	switch (sse->state) {
	case LINE_START:
	case IN_NAME:
		return take_name(sse, *p, e);
	case AFTER_COLON:
		sse->state = IN_DATA;
		if (*p == ' ')
			return 0;
		break;
	case IN_DATA:
	case SKIPPING:
		break;
	}
	*used = run_length(p, n);
	return sse->state == IN_DATA ? add(sse, p, *used, e) : 0;
}

/* How many bytes at p belong to a byte order mark at the very start. */
static size_t skip_bom(wc_sse *sse, const char *p, size_t n)
{
	static const char mark[] = "\xef\xbb\xbf";
	size_t            i      = 0;

	while (i < n && sse->bom < 3 && p[i] == mark[sse->bom]) {
		i++;
		sse->bom++;
	}
	if (i < n && sse->bom < 3) {
		if (sse->bom)
			sse->state = SKIPPING;
		sse->bom = 3;
	}
	return i;
}

int wc_sse_feed(wc_sse *sse, const char *p, size_t n, wc_err *e)
{
	size_t i = skip_bom(sse, p, n), used;

	if (wc_buf_failed(sse->data))
		return too_large(e);
	for (; i < n; i += used) {
		bool cr = p[i] == '\r', lf = p[i] == '\n', second = lf && sse->after_cr;

		sse->after_cr = cr;
		used          = 1;
		if (second)
			continue;
		if ((cr || lf ? end_line(sse, e) : take_run(sse, p + i, n - i, &used, e)) < 0)
			return -1;
	}
	return 0;
}

int wc_sse_end(wc_sse *sse, wc_err *e)
{
	if (wc_buf_failed(sse->data))
		return too_large(e);
	if (sse->state != LINE_START && end_line(sse, e) < 0)
		return -1;
	return dispatch(sse, e);
}
