/* Findings of checks, in the order in which they were made. */
#include <wecomd/check.h>

#include <stdarg.h>

void wc_found(wc_findings *f, wc_found_state state, const char *object, const char *mend, const char *format, ...)
{
	wc_finding *one = wc_alloc(f->arena, sizeof *one);
	va_list     args;

	va_start(args, format);
	*one = (wc_finding){f->check, wc_strdup(f->arena, object), state, wc_vprintf(f->arena, format, args), wc_strdup(f->arena, mend), NULL};
	va_end(args);
	if (!f->last)
		f->last = &f->first;
	*f->last = one;
	f->last  = &one->next;
}

const char *wc_found_name(wc_found_state state)
{
	static const char *const names[] = {"", "ok", "warn", "fail", "skipped"};

	return names[state];
}
