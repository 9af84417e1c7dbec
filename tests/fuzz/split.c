/* The splitter. Input: the greatest number of bytes on the first line, then the text. */
#include "fuzz.h"

#include <wecomd/split.h>

static struct input trimmed(struct input in)
{
	wc_text_trim(&in.p, &in.n);
	return in;
}

static bool is_blank(struct input in)
{
	return !trimmed(in).n;
}

static struct input without_start(struct input in)
{
	return (struct input){trimmed(in).p, in.n - (size_t)(trimmed(in).p - in.p)};
}

static struct input without_end(struct input in)
{
	while (in.n && strchr(" \t\n\v\f\r", in.p[in.n - 1]) && in.p[in.n - 1])
		in.n--;
	return in;
}

/* Behind what was taken from the text there may only be the marks that close a block. */
static bool is_closing(struct input in)
{
	for (size_t i = 0; i < in.n; i++)
		if (!in.p[i] || !strchr(" \t\n\v\f\r`~", in.p[i]))
			return false;
	return true;
}

/* A piece is what the splitter opens it with, the text that it took, and what closes it: nothing is lost, changed or made up but for blanks at
 * either end. */
static void check_piece(const char *opening, struct input taken, struct input piece)
{
	size_t       head = strlen(opening);
	struct input text;

	if (piece.n <= head || memcmp(piece.p, opening, head)) {
		must(trimmed(taken).p > taken.p);     /* the block ended in blanks that were dropped */
		head = 0;
	}
	text  = without_start((struct input){piece.p + head, piece.n - head});
	taken = without_end(without_start(taken));
	must(taken.n && text.n >= taken.n && !memcmp(text.p, taken.p, taken.n));
	must(is_closing((struct input){text.p + taken.n, text.n - taken.n}));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in    = {(const char *)data, size};
	wc_arena    *a     = wc_arena_new();
	size_t       max   = WC_SPLIT_MIN + (size_t)(take_number(a, &in) & 4095), n = 0;
	bool         valid = wc_utf8_valid(in.p, in.n);
	wc_splitter  sp    = wc_split(in.p, in.n, max);

	for (;;) {
		const char *before = sp.rest, *opening = sp.opening, *piece = wc_split_next(&sp, a, &n);

		if (!piece)
			break;
		must(n > 0 && n <= max);
		must(!piece[n]);
		must(!is_blank((struct input){piece, n}));
		must(!valid || wc_utf8_valid(piece, n));
		must(sp.rest > before && sp.rest + sp.rest_n == in.p + in.n);
		check_piece(opening, (struct input){before, (size_t)(sp.rest - before)}, (struct input){piece, n});
	}
	must(is_blank((struct input){sp.rest, sp.rest_n}));
	wc_arena_free(a);
	return 0;
}
