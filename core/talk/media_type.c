/* What a file is by its first bytes, and what it may be called: both come from people outside. */
#include "talk/parts.h"

#include <string.h>

#define NAME_MAX_BYTES 200

struct magic {
	size_t      at, n;
	const char *bytes, *type;
};

static const struct magic magics[] = {
	{0, 8, "\x89PNG\r\n\x1a\n", "image/png"},
	{0, 3, "\xff\xd8\xff", "image/jpeg"},
	{0, 6, "GIF87a", "image/gif"},
	{0, 6, "GIF89a", "image/gif"},
	{8, 4, "WEBP", "image/webp"},
	{0, 2, "BM", "image/bmp"},
	{4, 4, "ftyp", "video/mp4"},
	{0, 5, "#!AMR", "audio/amr"},
	{0, 10, "\x02#!SILK_V3", "audio/silk"},
	{0, 9, "#!SILK_V3", "audio/silk"},
	{0, 3, "ID3", "audio/mpeg"},
	{0, 2, "\xff\xfb", "audio/mpeg"},
	{8, 4, "WAVE", "audio/wav"},
	{0, 4, "OggS", "audio/ogg"},
	{0, 5, "%PDF-", "application/pdf"},
	{0, 4, "PK\x03\x04", "application/zip"},
	{0, 6, "7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"},
	{0, 4, "Rar!", "application/vnd.rar"},
	{0, 3, "\x1f\x8b\x08", "application/gzip"},
	{0, 8, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/msword"},
};

/* The last character may be cut off by the end of the head. */
static bool is_text(const unsigned char *p, size_t n)
{
	size_t cut = wc_utf8_cut((const char *)p, n, n == MEDIA_HEAD ? n - 1 : n);

	for (size_t i = 0; i < cut; i++)
		if (p[i] < 0x20 && p[i] != '\n' && p[i] != '\r' && p[i] != '\t')
			return false;
	return cut && wc_utf8_valid((const char *)p, cut);
}

const char *media_type(const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < sizeof magics / sizeof *magics; i++)
		if (n >= magics[i].at + magics[i].n && !memcmp(p + magics[i].at, magics[i].bytes, magics[i].n))
			return magics[i].type;
	return is_text(p, n) ? "text/plain" : "application/octet-stream";
}

/* Bytes of a character that has no place in a name: control characters, and those that turn the direction of writing. */
static size_t unwanted(const unsigned char *p)
{
	if (*p < 0x20 || *p == 0x7f)
		return 1;
	if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
		return 2;
	if (p[0] == 0xe2 && p[1] == 0x80 && ((p[2] >= 0x8b && p[2] <= 0x8f) || (p[2] >= 0xa8 && p[2] <= 0xae)))
		return 3;
	return p[0] == 0xe2 && p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9 ? 3 : 0;
}

const char *media_name(wc_arena *a, const char *name)
{
	size_t      n;
	const char *end;
	char       *out, *to;

	if (!name || !wc_utf8_valid(name, strlen(name)))
		return "file";
	for (const char *p = name; *p; p++)
		if (*p == '/' || *p == '\\')
			name = p + 1;
	to = out = wc_strdup(a, name);
	for (const char *p = name; *p;) {
		size_t skip = unwanted((const unsigned char *)p);

		if (skip)
			p += skip;
		else
			*to++ = *p++;
	}
	*to = 0;
	n   = (size_t)(to - out);
	end = out;
	wc_text_trim(&end, &n);
	while (n && *end == '.')
		end++, n--;
	n = wc_utf8_cut(end, n, NAME_MAX_BYTES);
	return n ? wc_strndup(a, end, n) : "file";
}
