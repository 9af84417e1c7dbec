/* Findings of checks, in the order in which they were made. */
#include <wecomd/check.h>

#include <stdarg.h>
#include <string.h>

#define VALUES_MAX 8

/* One conversion, "%lld", with its argument. */
static const char *one_value(wc_arena *a, const char *spec, va_list *args)
{
	size_t n = strlen(spec);

	if (spec[n - 1] == 's')
		return wc_printf(a, spec, va_arg(*args, const char *));
	if (strstr(spec, "ll"))
		return wc_printf(a, spec, va_arg(*args, long long));
	if (strchr(spec, 'l') || strchr(spec, 'z'))
		return wc_printf(a, spec, va_arg(*args, long));
	return wc_printf(a, spec, va_arg(*args, int));
}

static const char **values_of(wc_arena *a, const char *format, va_list *args)
{
	const char **values = wc_alloc(a, (VALUES_MAX + 1) * sizeof *values);
	size_t       n      = 0;

	while ((format = strchr(format, '%')) && n < VALUES_MAX) {
		size_t length = strcspn(format + 1, "sdiuxXc%") + 2;

		if (format[length - 1] != '%')
			values[n++] = one_value(a, wc_strndup(a, format, length), args);
		format += length;
	}
	return values;
}

void wc_found(wc_findings *f, wc_found_state state, const char *object, const char *code, const char *mend, const char *format, ...)
{
	wc_finding *one = wc_alloc(f->arena, sizeof *one);
	va_list     args, again;

	va_start(args, format);
	va_copy(again, args);
	*one = (wc_finding){f->check, wc_strdup(f->arena, object), state, wc_strdup(f->arena, code), wc_vprintf(f->arena, format, args),
	                    values_of(f->arena, format, &again), wc_strdup(f->arena, mend), NULL};
	va_end(again);
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
